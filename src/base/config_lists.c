/*
 * config_lists.c: filter.lists = ( { use = "spamhaus-zen"; }, { name = "OWN"; zone = "…"; … } ).
 *
 * What rules/lists.def has for a list is laid down first, in the words of the configuration, and
 * read by the same functions; what stands in the group is laid over that. A key is never repeated
 * in a message.
 */
#include "base/config_lists.h"

#include "base/config_groups.h"
#include "base/utf8.h"

struct preset {
	const char *use, *name, *zone, *kinds, *of, *listed, *hash, *text;
};

struct preset_reply {
	const char *use, *name, *code;
	uint32_t mask;
	double score, received_score;
	bool decisive, refusal;
	const char *text;
};

static const struct preset presets[] = {
#define LIST(use, name, zone, kinds, of, listed, hash, text)                                       \
	{ use, name, zone, kinds, of, listed, hash, text },
#define LIST_REPLY(use, name, code, mask, score, received_score, what, text)
#include "rules/lists.def"
#undef LIST
#undef LIST_REPLY
};

#define SCORE false, false
#define DECISIVE true, false
#define REFUSAL false, true
static const struct preset_reply preset_replies[] = {
#define LIST(use, name, zone, kinds, of, listed, hash, text)
#define LIST_REPLY(use, name, code, mask, score, received_score, what, text)                       \
	{ use, name, code, mask, score, received_score, what, text },
#include "rules/lists.def"
#undef LIST
#undef LIST_REPLY
};
#undef SCORE
#undef DECISIVE
#undef REFUSAL

static const char *const of_names[CONFIG_OF_COUNT] = { "client", "received", "helo", "rdns",
	"sender", "from", "reply_to", "uri", "dkim" };
static const char *const kind_names[] = { "ipv4", "ipv6", "domain", "host", "hash", "ip" };
static const unsigned kind_bits[] = { CONFIG_LIST_IPV4, CONFIG_LIST_IPV6, CONFIG_LIST_DOMAIN,
	CONFIG_LIST_HOST, CONFIG_LIST_HASH, CONFIG_LIST_IPV4 | CONFIG_LIST_IPV6 };
static const char *const hash_names[] = { "md5", "sha1", "sha256", "sha256-base32" };
static const char *const list_keys[] = { "use", "name", "zone", "key", "kind", "of", "hash",
	"listed", "unlisted", "max_received", "enabled", "replies" };
static const char *const reply_keys[] = { "name", "code", "mask", "score", "received_score",
	"decisive", "refusal", "text" };

enum { ZONE_MAX = 120, LABEL_MAX = 63, TEXT_MAX = 200 };

const char *config_list_of_name(enum config_list_of of)
{
	for (size_t i = 0; i < ARRAY_LEN(of_names); i++)
		if (of == 1U << i)
			return of_names[i];
	return "?";
}

/* One list while it is read: its replies can still change. */
struct reading {
	struct config_parse *p;
	config_setting_t *group;
	struct config_list list;
	struct config_list_reply *replies; /* CONFIG_LIST_REPLIES_MAX */
	size_t known;                      /* of them: those that it has by `use` */
	bool enabled;
};

static void wrong(struct config_parse *p, config_setting_t *s, const char *format, ...)
	PRINTF(3, 4);

static void wrong(struct config_parse *p, config_setting_t *s, const char *format, ...)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(4096);
	va_list args;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	config_problem(
		p, config_setting_source_line(s), "filter.lists: %.*s", STR_ARG(buf_str(&text)));
}

/* ── Words ────────────────────────────────────────────────────────────────────────────────── */

/* The next word of a text that has blanks between them. */
static bool next_word(str *rest, str *out)
{
	*rest = str_trim(*rest);
	if (rest->n == 0)
		return false;
	(void)str_cut(*rest, ' ', out, rest);
	return true;
}

static unsigned kinds_of(struct reading *r, config_setting_t *s, str text)
{
	unsigned bits = 0;
	for (str word; next_word(&text, &word);) {
		size_t i = config_index_of(kind_names, ARRAY_LEN(kind_names), word);
		if (i == ARRAY_LEN(kind_names))
			config_unknown_name(r->p, config_setting_source_line(s), "kind of a list",
				word, kind_names, ARRAY_LEN(kind_names));
		else
			bits |= kind_bits[i];
	}
	return bits;
}

static unsigned parts_of(struct reading *r, config_setting_t *s, str text)
{
	unsigned bits = 0;
	for (str word; next_word(&text, &word);) {
		size_t i = config_index_of(of_names, ARRAY_LEN(of_names), word);
		if (i == ARRAY_LEN(of_names))
			config_unknown_name(r->p, config_setting_source_line(s),
				"part of a message", word, of_names, ARRAY_LEN(of_names));
		else
			bits |= 1U << i;
	}
	return bits;
}

static void set_hash(struct reading *r, config_setting_t *s, str text)
{
	size_t i = config_index_of(hash_names, ARRAY_LEN(hash_names), text);
	if (i == ARRAY_LEN(hash_names))
		config_unknown_name(r->p, config_setting_source_line(s), "hash", text, hash_names,
			ARRAY_LEN(hash_names));
	else
		r->list.hash = (enum config_list_hash)i;
}

/* "10", "10-11" or "*". */
static bool parse_octet(str s, unsigned char *out_low, unsigned char *out_high)
{
	uint64_t low = 0, high = 255;
	str first, last;
	if (!str_equal(s, STR("*"))) {
		bool range = str_cut(s, '-', &first, &last);
		if (!str_to_u64(first, 255, &low) || !str_to_u64(range ? last : first, 255, &high))
			return false;
	}
	*out_low = (unsigned char)low;
	*out_high = (unsigned char)high;
	return low <= high;
}

static bool parse_code(str s, struct config_list_reply *out)
{
	bool good = true;
	for (size_t i = 0; i < 4; i++) {
		str octet;
		bool more = str_cut(s, '.', &octet, &s);
		good = good && parse_octet(octet, &out->low[i], &out->high[i]) && more == (i < 3);
	}
	return good && out->low[0] == 127 && out->high[0] == 127;
}

static bool is_name(str s)
{
	bool good = s.n > 0 && s.n <= CONFIG_LIST_NAME_MAX;
	for (size_t i = 0; i < s.n; i++)
		good = good &&
		       ((unsigned)(s.p[i] - 'A') < 26 || ascii_is_digit(s.p[i]) || s.p[i] == '_');
	return good;
}

static bool is_label(str s)
{
	bool good = s.n > 0 && s.n <= LABEL_MAX;
	for (size_t i = 0; i < s.n; i++)
		good = good && (ascii_is_alnum(s.p[i]) || s.p[i] == '-' || s.p[i] == '_');
	return good;
}

/* Of a zone, or a name in one: with "_" too, which some have. */
static bool is_domain(str s)
{
	bool good = s.n > 0 && s.n <= ZONE_MAX, more = true;
	while (good && more) {
		str label;
		more = str_cut(s, '.', &label, &s);
		good = is_label(label);
	}
	return good;
}

static bool is_text(str s)
{
	bool good = s.n <= TEXT_MAX && utf8_valid(s);
	for (size_t i = 0; i < s.n; i++)
		good = good && (unsigned char)s.p[i] >= ' ' && s.p[i] != 127;
	return good;
}

/* ── Members ──────────────────────────────────────────────────────────────────────────────── */

/* The text of a member, its words joined where it is an array. False where there is none, and
 * where it is something else, which is noted. */
static bool member(struct reading *r, config_setting_t *group, const char *name,
	config_setting_t **out_setting, str *out)
{
	config_setting_t *s = config_setting_get_member(group, name);
	*out_setting = s;
	*out = STR_EMPTY;
	if (!s)
		return false;
	if (config_setting_type(s) == CONFIG_TYPE_STRING) {
		*out = str_from_z(config_setting_get_string(s));
		return true;
	}
	bool list = config_setting_is_array(s) || config_setting_is_list(s);
	for (int i = 0; list && i < MIN(config_setting_length(s), 16); i++)
		*out = arena_printf(r->p->arena, "%.*s %.200s", STR_ARG(*out),
			config_setting_get_string_elem(s, i) ? config_setting_get_string_elem(s, i)
							     : "?");
	if (!list)
		wrong(r->p, s, "%s: expected a text in quotes", name);
	return list;
}

static bool member_bool(struct reading *r, config_setting_t *group, const char *name, bool *out)
{
	config_setting_t *s = config_setting_get_member(group, name);
	if (!s)
		return false;
	if (config_setting_type(s) != CONFIG_TYPE_BOOL)
		wrong(r->p, s, "%s: write true or false, without quotes", name);
	else
		*out = config_setting_get_bool(s);
	return true;
}

static bool member_number(struct reading *r, config_setting_t *group, const char *name,
	double least, double most, double *out)
{
	config_setting_t *s = config_setting_get_member(group, name);
	double value = 0;
	if (!s)
		return false;
	if (!config_number(s, &value) || !(value >= least && value <= most))
		wrong(r->p, s, "%s: expected a number from %.0f to %.0f, without quotes", name,
			least, most);
	else
		*out = value;
	return true;
}

bool config_list_gives(str name, str *out_use, str *out_reply)
{
	for (size_t i = 0; i < ARRAY_LEN(preset_replies); i++) {
		const struct preset_reply *reply = &preset_replies[i];
		for (size_t k = 0; k < ARRAY_LEN(presets); k++) {
			str list = str_from_z(presets[k].name), rest = str_skip(name, list.n);
			if (strcmp(presets[k].use, reply->use) != 0 || !str_starts(name, list))
				continue;
			if (!str_equal(str_skip(rest, rest.n > 0), str_from_z(reply->name)) ||
				(rest.n && rest.p[0] != '_'))
				continue;
			*out_use = str_from_z(reply->use);
			*out_reply = str_from_z(reply->name);
			return true;
		}
	}
	return false;
}

/* ── Replies ──────────────────────────────────────────────────────────────────────────────── */

/* The one of that name, or a new one; NULL where there are too many. */
static struct config_list_reply *reply_named(struct reading *r, str name)
{
	for (size_t i = 0; i < r->list.reply_count; i++)
		if (str_equal(r->replies[i].name, name))
			return &r->replies[i];
	if (r->list.reply_count == CONFIG_LIST_REPLIES_MAX)
		return NULL;
	struct config_list_reply *reply = &r->replies[r->list.reply_count++];
	*reply = (struct config_list_reply){ .name = name,
		.text = STR_EMPTY,
		.low = { 127, 0, 0, 0 },
		.high = { 127, 255, 255, 255 } };
	return reply;
}

/* One of those that the list has already was meant, or a new one. */
static void unknown_reply(struct reading *r, config_setting_t *group, str name)
{
	const char *names[CONFIG_LIST_REPLIES_MAX];
	struct buf hint CLEANUP(buf_done) = BUF_INIT(4096);
	for (size_t i = 0; i < r->known; i++)
		names[i] = r->replies[i].name.n ? r->replies[i].name.p : "";
	config_suggest_of(&hint, names, r->known, name);
	wrong(r->p, group, "it has no reply \"%.*s\"; %.*s. A new one needs a code or a mask",
		STR_ARG(name), STR_ARG(buf_str(&hint)));
}

static void read_code(
	struct reading *r, config_setting_t *group, struct config_list_reply *reply, bool is_new)
{
	config_setting_t *s;
	str code;
	double mask = reply->mask;
	bool has_code = member(r, group, "code", &s, &code);
	bool has_mask = member_number(r, group, "mask", 1, 0xffffff, &mask);
	if (has_code && !parse_code(code, reply))
		wrong(r->p, s, "\"%.*s\" is not a code, as 127.0.0.2, 127.0.0.10-11 or 127.0.*.3",
			STR_ARG(str_first(code, 100)));
	if (mask != (double)(uint32_t)mask)
		wrong(r->p, group, "mask: expected a whole number, as 8");
	reply->mask = (uint32_t)mask;
	if (is_new && !has_code && !has_mask && r->known && reply->name.n)
		unknown_reply(r, group, reply->name);
	else if (is_new && !has_code && !has_mask)
		wrong(r->p, group,
			"a reply needs a code or a mask: { name = \"SPAM\"; code = "
			"\"127.0.0.2\"; score = 2.0; }");
}

static void read_reply(struct reading *r, config_setting_t *group)
{
	config_setting_t *s;
	str name, text;
	config_find_unknown(
		r->p, group, "key of a list's reply", reply_keys, ARRAY_LEN(reply_keys));
	if (member(r, group, "name", &s, &name) && name.n && !is_name(name))
		wrong(r->p, s, "a name is of A to Z, 0 to 9 and _, at most %d of them",
			CONFIG_LIST_NAME_MAX);
	size_t before = r->list.reply_count;
	struct config_list_reply *reply =
		reply_named(r, name.n ? arena_str(r->p->arena, name) : STR_EMPTY);
	if (!reply) {
		wrong(r->p, group, "more than %d replies", CONFIG_LIST_REPLIES_MAX);
		return;
	}
	bool is_new = r->list.reply_count > before;
	reply->line = config_setting_source_line(group);
	read_code(r, group, reply, is_new);
	(void)member_bool(r, group, "decisive", &reply->decisive);
	(void)member_bool(r, group, "refusal", &reply->refusal);
	bool scored = member_number(r, group, "score", -1000, 1000, &reply->score);
	(void)member_number(r, group, "received_score", 0, 1000, &reply->received_score);
	if (is_new && !scored && !reply->refusal)
		wrong(r->p, group, "a reply needs a score");
	if (!member(r, group, "text", &s, &text))
		return;
	if (!is_text(text))
		wrong(r->p, s, "text: at most %d characters of UTF-8", TEXT_MAX);
	else
		reply->text = text.n ? arena_str(r->p->arena, text) : STR_EMPTY;
}

static void read_replies(struct reading *r)
{
	config_setting_t *s = config_setting_get_member(r->group, "replies");
	if (!s)
		return;
	bool good = config_setting_is_list(s);
	for (int i = 0; good && i < config_setting_length(s); i++) {
		config_setting_t *group = config_setting_get_elem(s, (unsigned)i);
		good = config_setting_is_group(group);
		if (good)
			read_reply(r, group);
	}
	if (!good)
		wrong(r->p, s,
			"replies: expected a list of groups: ( { code = \"127.0.0.2\"; score "
			"= 2.0; } )");
}

/* ── One list ─────────────────────────────────────────────────────────────────────────────── */

static void take_preset(struct reading *r, const struct preset *preset)
{
	r->list.name = str_from_z(preset->name);
	r->list.zone = str_from_z(preset->zone);
	r->list.kinds = kinds_of(r, r->group, str_from_z(preset->kinds));
	r->list.of = parts_of(r, r->group, str_from_z(preset->of));
	r->list.listed = str_from_z(preset->listed);
	if (*preset->hash)
		set_hash(r, r->group, str_from_z(preset->hash));
	for (size_t i = 0; i < ARRAY_LEN(preset_replies); i++) {
		const struct preset_reply *from = &preset_replies[i];
		if (strcmp(from->use, preset->use) != 0)
			continue;
		struct config_list_reply *to = reply_named(r, str_from_z(from->name));
		bool good = to && parse_code(str_from_z(from->code), to);
		ASSERT(good);
		to->mask = from->mask;
		to->score = from->score;
		to->received_score = from->received_score;
		to->decisive = from->decisive;
		to->refusal = from->refusal;
		to->text = str_from_z(from->text);
		to->line = config_setting_source_line(r->group);
		r->known = r->list.reply_count;
	}
}

static void read_use(struct reading *r)
{
	const char *names[ARRAY_LEN(presets)];
	config_setting_t *s;
	str use;
	if (!member(r, r->group, "use", &s, &use))
		return;
	for (size_t i = 0; i < ARRAY_LEN(presets); i++)
		names[i] = presets[i].use;
	size_t i = config_index_of(names, ARRAY_LEN(presets), use);
	if (i < ARRAY_LEN(presets))
		take_preset(r, &presets[i]);
	else
		config_unknown_name(r->p, config_setting_source_line(s), "list", use, names,
			ARRAY_LEN(presets));
}

static void read_name(
	struct reading *r, const char *key, bool (*good)(str), const char *expected, str *out)
{
	config_setting_t *s;
	str text;
	if (!member(r, r->group, key, &s, &text))
		return;
	if (!good(text))
		wrong(r->p, s, "%s: expected %s", key, expected);
	else
		*out = arena_str(r->p->arena, text);
}

static void read_members(struct reading *r)
{
	config_setting_t *s;
	str text;
	struct config_list *l = &r->list;
	double most = l->max_received;
	read_name(
		r, "name", is_name, "a name of A to Z, 0 to 9 and _, at most 20 of them", &l->name);
	read_name(r, "zone", is_domain, "the name of a zone, as zen.spamhaus.org", &l->zone);
	read_name(r, "key", is_label, "letters, digits, - and _ (what stands there is not shown)",
		&l->key);
	read_name(r, "listed", is_domain, "a name that is always listed", &l->listed);
	read_name(r, "unlisted", is_domain, "a name that is never listed", &l->unlisted);
	if (member(r, r->group, "kind", &s, &text))
		l->kinds = kinds_of(r, s, text);
	if (member(r, r->group, "of", &s, &text))
		l->of = parts_of(r, s, text);
	if (member(r, r->group, "hash", &s, &text))
		set_hash(r, s, text);
	(void)member_number(r, r->group, "max_received", 0, CONFIG_LIST_RECEIVED_MAX, &most);
	l->max_received = (unsigned)most;
	(void)member_bool(r, r->group, "enabled", &r->enabled);
}

/* What no single member says by itself. */
static void check_list(struct reading *r)
{
	struct config_list *l = &r->list;
	if (l->name.n == 0 || l->zone.n == 0 || l->kinds == 0 || l->of == 0 || l->reply_count == 0)
		wrong(r->p, r->group,
			"a list needs use = \"…\", or all of name, zone, kind, of and replies");
	if (l->kinds & CONFIG_LIST_HASH &&
		!(l->of & (CONFIG_OF_SENDER | CONFIG_OF_FROM | CONFIG_OF_REPLY_TO)))
		wrong(r->p, r->group, "kind \"hash\" is of addresses: sender, from, reply_to");
	for (size_t i = 0; i < l->reply_count; i++)
		if (l->replies[i].score < 0 && l->of & ~(unsigned)CONFIG_OF_PROVEN)
			wrong(r->p, r->group,
				"a score below 0 is only for of = \"client rdns dkim\": anyone can "
				"write the rest");
}

static void read_list(struct reading *r)
{
	r->list = (struct config_list){ .name = STR_EMPTY,
		.zone = STR_EMPTY,
		.key = STR_EMPTY,
		.listed = STR_EMPTY,
		.unlisted = STR_EMPTY,
		.hash = CONFIG_HASH_SHA1,
		.max_received = 5 };
	r->replies = arena_array(r->p->arena, struct config_list_reply, CONFIG_LIST_REPLIES_MAX);
	r->list.replies = r->replies;
	r->enabled = true;
	config_find_unknown(r->p, r->group, "key of a list", list_keys, ARRAY_LEN(list_keys));
	read_use(r);
	read_members(r);
	read_replies(r);
	check_list(r);
	r->list.line = config_setting_source_line(r->group);
	r->list.suffix = r->list.key.n ? arena_printf(r->p->arena, "%.*s.%.*s",
						 STR_ARG(r->list.key), STR_ARG(r->list.zone))
				       : r->list.zone;
}

void config_read_lists(struct config_parse *p, config_setting_t *setting, struct config_lists *out)
{
	int n = config_setting_length(setting);
	if (n > CONFIG_LISTS_MAX) {
		wrong(p, setting, "more than %d lists", CONFIG_LISTS_MAX);
		return;
	}
	struct config_list *items = arena_array(p->arena, struct config_list, CONFIG_LISTS_MAX);
	size_t kept = 0;
	for (int i = 0; i < n; i++) {
		struct reading r = { .p = p,
			.group = config_setting_get_elem(setting, (unsigned)i) };
		read_list(&r);
		if (!r.enabled)
			continue;
		for (size_t k = 0; k < kept; k++)
			if (str_equal(items[k].name, r.list.name) && r.list.name.n)
				wrong(p, r.group, "the name %.*s stands there twice",
					STR_ARG(r.list.name));
		items[kept++] = r.list;
	}
	*out = (struct config_lists){ items, kept };
}
