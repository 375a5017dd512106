/*
 * Shapes of C++, for test_types_shapes.c.
 */
#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace ns {

struct Plain {
	char c;
	int i;
};

class Base {
      public:
	virtual ~Base();
	int base_field;

      protected:
	char base_tail;
};
Base::~Base() {}

struct Empty {};
struct Left : virtual Plain {
	int left;
};
struct Right : virtual Plain {
	long right;
};
struct Both : Left, Right {
	int both;
};

class Class : public Base, private Empty, public Plain {
      public:
	struct Inner {
		int a : 3;
		int b : 7;
		long : 0;
		char c;
	};
	enum Kind : uint8_t { ONE, TWO };
	enum class Scoped { A, B };
	Class(int &r) : ref(r), moved(static_cast<int &&>(r)) {}
	Inner inner;
	Kind kind;
	Scoped scoped;
	int Class::*member;
	void (Class::*method)(int) const;
	int &ref;
	int &&moved;
	decltype(nullptr) null;
	Class *others[3];
	static int s_count;
	static const int s_constant = 4;
	union {
		int number;
		Inner *pointer;
	};
};
int Class::s_count = 3;

template <class T, int N> struct Box {
	T items[N];
	Box *next;
	struct Node {
		T value;
		Node *link;
	} head;
	static T s_default;
};
template <class T, int N> T Box<T, N>::s_default;

extern int counter;
int counter = 5;
inline namespace v2 {
struct Versioned {
	int v;
};
Versioned g_versioned;
}
} // namespace ns

namespace {
struct Hidden {
	int a[2][3];
	short b;
};
Hidden hidden;
thread_local int t_hidden = 3;
} // namespace

int g_int;
ns::Class g_class(g_int);
ns::Both g_both;
ns::Box<int, 4> g_box;
ns::Box<ns::Class *, 2> g_boxes[2];

int use()
{
	static ns::Box<char, 3> s_local;
	struct Local {
		char c;
		int i;
	};
	static Local s_own;

	return s_local.items[0] + s_own.i + hidden.a[0][0] + t_hidden + ns::Box<int, 4>::s_default;
}

int main()
{
	return use() == -1;
}
