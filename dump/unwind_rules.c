/*
 * The table of compiled rules: how it is filled and emptied. What it looks like: unwind_rules.h.
 *
 * A word is whole, so whatever mixture of old and new words a reader finds, each is right for the place it names. A
 * full set loses one of its words. Rules die with their module: all are forgotten when one was unmapped. Who compiles
 * meanwhile takes its own word out again:
 *
 *	writer  era → compile → word in → era changed? word out
 *	forget  era + 1 → all words 0
 *
 * Limits: 131,072 rules, 1 MiB, of which only touched pages are memory. Rules whose offsets do not fit (frames above
 * 128 KiB), and what lies in no module, are compiled each time: some 100 ns. A place above 2^47 likewise.
 */
#include "dump/unwind_rules.h"

#include "dump/sys.h"
#include "dump/unwind_modules.h"

enum { WORDS = HD_RULES_WAYS << HD_RULES_SET_BITS };

uint64_t *hd_rules;
static uint32_t era;

bool hd_rules_init(void)
{
	if (!hd_rules)
		hd_rules = hd_sys_map(0, WORDS * sizeof(*hd_rules));
	return hd_rules != NULL;
}

/* Reads first: a page that was never written stays none. */
void hd_rules_forget(void)
{
	__atomic_add_fetch(&era, 1, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; hd_rules && i < WORDS; i++) {
		if (__atomic_load_n(&hd_rules[i], __ATOMIC_RELAXED))
			__atomic_store_n(&hd_rules[i], 0, __ATOMIC_RELAXED);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static uint32_t pack(const struct hd_rule *rule)
{
	return (uint32_t)rule->kind | (uint32_t)(rule->fp_off / 8) << 18 >> 15 |
	       (uint32_t)(rule->cfa_off / 8) << 17;
}

static void keep(uint64_t at, const struct hd_rule *rule, uint32_t began)
{
	uint64_t *set = hd_rules_set(at);
	uint64_t word = (uint64_t)hd_rules_tag(at) << 32 | pack(rule);
	unsigned way = 0;
	struct hd_rule same;

	hd_rules_unpack((uint32_t)word, &same);
	if (same.cfa_off != rule->cfa_off || same.fp_off != rule->fp_off)
		return;
	while (way < HD_RULES_WAYS && __atomic_load_n(&set[way], __ATOMIC_RELAXED))
		way++;
	if (way == HD_RULES_WAYS)
		way = hd_rules_tag(at) % HD_RULES_WAYS;
	__atomic_store_n(&set[way], word, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&era, __ATOMIC_SEQ_CST) != began)
		__atomic_compare_exchange_n(&set[way], &word, 0, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
}

void hd_rules_compile(uint64_t at, struct hd_rule *rule)
{
	uint32_t began = __atomic_load_n(&era, __ATOMIC_SEQ_CST);
	struct hd_cfi cfi;
	bool known;

	*rule = (struct hd_rule){.kind = HD_RULE_UNCOVERED};
	if (hd_modules_find(at, &cfi, &known))
		hd_cfi_rule(&cfi, at, rule);
	if (known && hd_rules && !(at >> HD_RULES_PLACE_BITS))
		keep(at, rule, began);
}
