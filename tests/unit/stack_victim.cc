// Exceptions on their way through frames, for test_stack.c: captures while the stack is unwound, and where it ends.
#include <stdexcept>
#include <string>

typedef void capture_fn(void);

namespace
{
struct guard {
	capture_fn *capture;
	~guard() { capture(); }
};

__attribute__((noinline)) int thrower(int depth, capture_fn *capture)
{
	guard g{capture};
	std::string text(static_cast<size_t>(depth) + 40, 'x');

	if (!depth)
		throw std::runtime_error(text);
	return thrower(depth - 1, capture) + static_cast<int>(text.size());
}
} // namespace

extern "C" int victim_throw(capture_fn *capture)
{
	try {
		return thrower(5, capture);
	} catch (const std::exception &e) {
		capture();
		return static_cast<int>(std::string(e.what()).size());
	}
}
