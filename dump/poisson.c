/*
 * ln and e^−x to 1e−13 by range reduction and short series:
 *
 *	ln(m × 2^k) = k ln 2 + 2 (z + z³/3 + z⁵/5 + …)     z = (m − 1) / (m + 1), m in [√½, √2)
 *	e^−x = 2^−k × e^−r                                   x = k ln 2 + r, 0 ≤ r < ln 2
 *
 * and 1 − e^−x by its own series where x is small, so that no digits are lost.
 */
#include "dump/poisson.h"

#include <string.h>

#define LN2   0.693147180559945309417
#define SQRT2 1.41421356237309504880

enum { LN_TERMS = 10, EXP_TERMS = 16 };

uint64_t hd_poisson_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static double ln_of(double x)
{
	uint64_t bits;
	double m, z, zz, sum = 0;
	int k;

	memcpy(&bits, &x, sizeof(bits));
	k = (int)(bits >> 52) - 1023;
	bits = (bits & 0xfffffffffffffull) | 1023ull << 52;
	memcpy(&m, &bits, sizeof(m));
	if (m > SQRT2) {
		m /= 2;
		k++;
	}
	z = (m - 1) / (m + 1);
	zz = z * z;
	for (int i = LN_TERMS; i >= 0; i--)
		sum = sum * zz + 1.0 / (2 * i + 1);
	return k * LN2 + 2 * z * sum;
}

/* 1 − e^−x for 0 ≤ x ≤ 40. */
static double one_less_exp(double x)
{
	int k = (int)(x / LN2);
	double r = x - k * LN2, sum = 0, power = 1;

	/* r − r²/2 + r³/6 − … = 1 − e^−r */
	for (int i = EXP_TERMS; i >= 1; i--)
		sum = (1 - sum) * r / i;
	if (!k)
		return sum;
	while (k-- > 0)
		power /= 2;
	return 1 - (1 - sum) * power;
}

uint64_t hd_poisson_gap(uint64_t *state, uint64_t mean)
{
	/* uniform in (0, 1] */
	double u = (double)((hd_poisson_random(state) >> 11) + 1) * 0x1p-53;
	double gap = -ln_of(u) * (double)mean;

	return gap >= 0x1p62 ? 1ull << 62 : (uint64_t)gap + 1;
}

uint64_t hd_poisson_weight(uint64_t size, uint64_t mean)
{
	double x, p;

	if (mean <= 1)
		return 65536;
	x = ((double)size + 1) / (double)mean;
	if (x > 40)
		return 65536;
	p = x < 1e-9 ? x : one_less_exp(x);
	return (uint64_t)(65536 / p + 0.5);
}
