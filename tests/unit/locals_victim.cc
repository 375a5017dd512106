// Frames of C++: this, references, classes by value, lambdas, templates, a range for. For test_locals.c.
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

volatile int sink;

struct Shape {
	virtual ~Shape() = default;
	virtual int area(int scale) const = 0;
};

class Square : public Shape
{
public:
	explicit Square(int side) : side_(side) {}
	__attribute__((noinline)) int area(int scale) const override;

private:
	int side_;
};

namespace deep
{
template <typename T> __attribute__((noinline)) int fall(const T &value, T copy, long n)
{
	T *where = &copy;
	auto last = [&, n](int x) __attribute__((noinline)) {
		long sum = n + x;

		sink = (int)sum;
		if (sum > 0)
			abort();
		return sum;
	};

	sink = (int)*where;
	return (int)last(3) + (int)value;
}
} // namespace deep

int Square::area(int scale) const
{
	int a = side_ * side_ * scale;

	return deep::fall<long>(a + 1L, 7, 5) + a;
}

static __attribute__((noinline)) int all(std::vector<std::unique_ptr<Shape>> shapes,
					 const std::string &name, std::string copy, int &count)
{
	int sum = (int)(name.size() + copy.size());

	for (const auto &shape : shapes) {
		count++;
		sum += shape->area(2);
	}
	return sum;
}

int main()
{
	std::vector<std::unique_ptr<Shape>> shapes;
	std::string name = "a name that does not fit inside";
	int count = 0;

	shapes.emplace_back(new Square(4));
	return all(std::move(shapes), name, name + "!", count);
}
