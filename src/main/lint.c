#include "main/lint.h"

#include "filter/finding.h"

/* The rules that hold together: of the server, or of one of its domains. */
struct scope {
	const struct config *config;
	str domain; /* empty: the server's */
	const struct config_filter *rules;
	const struct config_auth *auth;
	const struct config_antivirus *antivirus;
	size_t inherited; /* of the findings: the server's, and told there */
	lint_fn *report;
	void *arg;
};

static struct scope server_scope(const struct config *config, lint_fn *report, void *arg)
{
	return (struct scope){ .config = config,
		.domain = STR_EMPTY,
		.rules = &config->filter,
		.auth = &config->auth,
		.antivirus = &config->antivirus,
		.report = report,
		.arg = arg };
}

static struct scope domain_scope(const struct scope *server, const struct config_domain *own)
{
	struct scope s = *server;
	s.domain = own->name;
	s.rules = &own->filter;
	s.auth = &own->auth;
	s.antivirus = &own->antivirus;
	s.inherited = server->rules->findings.n;
	return s;
}

static void tell(const struct scope *s, unsigned line, const char *format, ...) PRINTF(3, 4);

static void tell(const struct scope *s, unsigned line, const char *format, ...)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(16 * 1024);
	if (s->domain.n)
		buf_printf(&text, "domain %.*s: ", STR_ARG(s->domain));
	va_list args;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	s->report(s->arg, line, buf_str(&text));
}

/* Where the scope says it; where it does not, where the server does. */
static unsigned line_of(const struct scope *s, const char *path)
{
	unsigned line = config_line(s->config, s->domain, path);
	return line || s->domain.n == 0 ? line : config_line(s->config, STR_EMPTY, path);
}

/* ── One finding under these rules ────────────────────────────────────────────────────────── */

struct effect {
	double score; /* the highest of its four, or the configured one */
	enum config_mode mode;
	bool configured; /* the score */
	bool decisive;
	unsigned line; /* 0: nothing is configured */
};

static struct effect effect_of(const struct scope *s, size_t index)
{
	const struct finding_info *info = &finding_infos[index];
	struct effect e = {
		.score = info->scores[0], .mode = info->mode, .decisive = info->decisive
	};
	for (size_t i = 1; i < EVIDENCE_KINDS; i++)
		e.score = MAX(e.score, info->scores[i]);
	for (size_t i = 0; i < s->rules->findings.n; i++) {
		const struct config_finding *own = &s->rules->findings.items[i];
		if (own->index != index)
			continue;
		e.score = own->has_score ? own->score : e.score;
		e.configured |= own->has_score;
		e.mode = own->has_mode ? own->mode : e.mode;
		e.decisive |= own->decisive;
		e.line = own->line;
	}
	return e;
}

/* Each of its labels has a score of its own. */
static bool is_of_lists(size_t index)
{
	return index == FINDING_LISTED || index == FINDING_LISTED_RECEIVED ||
	       index == FINDING_LISTED_URI || index == FINDING_ALLOW_LISTED;
}

static bool decides_alone(const struct scope *s, size_t index)
{
	struct effect e = effect_of(s, index);
	return e.mode == CONFIG_MODE_SCORE && !e.decisive && !is_of_lists(index) &&
	       e.score >= s->rules->junk_at;
}

/* ── What decides alone ───────────────────────────────────────────────────────────────────── */

/* server: to leave out what was told of it; NULL: s is that. Those with a score of their own have a
 * line; those whose threshold is too low for them share one. */
static void check_alone(const struct scope *s, const struct scope *server)
{
	struct buf names CLEANUP(buf_done) = BUF_INIT(8 * 1024);
	for (size_t i = 0; i < FINDING_COUNT; i++) {
		struct effect e = effect_of(s, i);
		if (!decides_alone(s, i) || (server && decides_alone(server, i)))
			continue;
		if (e.configured)
			tell(s, e.line,
				"filter.findings: %s scores %.1f, and Junk is from %.1f on: lower "
				"it, or "
				"say decisive = true",
				finding_infos[i].name, e.score, s->rules->junk_at);
		else
			buf_printf(&names, "%s %s %.1f", names.n ? "," : "", finding_infos[i].name,
				e.score);
	}
	if (names.n)
		tell(s, line_of(s, "filter.junk_at"),
			"filter.junk_at is %.1f, which one finding reaches by itself:%.*s",
			s->rules->junk_at, STR_ARG(buf_str(&names)));
}

/* One list that is wrong about somebody must not decide alone, unless that is meant. */
static void check_lists_alone(const struct scope *s, const struct scope *server)
{
	const struct config_lists *lists = &s->config->filter.lists;
	for (size_t i = 0; i < lists->n; i++)
		for (size_t k = 0; k < lists->items[i].reply_count; k++) {
			const struct config_list_reply *r = &lists->items[i].replies[k];
			double most = MAX(r->score, r->received_score);
			if (r->decisive || most < s->rules->junk_at ||
				(server && most >= server->rules->junk_at))
				continue;
			tell(s, r->line,
				"filter.lists: %.*s%s%.*s scores %.1f, and Junk is from %.1f on: "
				"lower it, or say decisive = true",
				STR_ARG(lists->items[i].name), r->name.n ? "_" : "",
				STR_ARG(r->name), most, s->rules->junk_at);
		}
}

/* ── What is never found ──────────────────────────────────────────────────────────────────── */

static bool any_list(const struct config_lists *lists, unsigned of, bool allows)
{
	for (size_t i = 0; i < lists->n; i++)
		for (size_t k = 0; k < lists->items[i].reply_count; k++)
			if (lists->items[i].of & of &&
				(lists->items[i].replies[k].score < 0) == allows)
				return true;
	return false;
}

/* Why nobody can ever find it; NULL: somebody may. */
static const char *never(const struct scope *s, size_t index)
{
	const struct config_lists *lists = &s->config->filter.lists;
	const unsigned all = (1U << CONFIG_OF_COUNT) - 1,
		       others = all & ~(unsigned)(CONFIG_OF_RECEIVED | CONFIG_OF_URI);
	switch (index) {
	case FINDING_ALLOW_AUTHENTICATED:
	case FINDING_ALLOW_FAILED:
		return s->auth->allow_domains.n ? NULL : "auth.allow_domains is empty";
	case FINDING_ARC_TRUSTED:
		return s->auth->arc_trusted.n ? NULL : "auth.arc_trusted is empty";
	case FINDING_ATTACHMENT_BLOCKED:
		return s->rules->blocked_extensions.n ? NULL : "filter.blocked_extensions is empty";
	case FINDING_VIRUS_INFECTED:
	case FINDING_VIRUS_UNSCANNED:
	case FINDING_VIRUS_FAILED:
		return s->antivirus->servers.n ? NULL : "antivirus.servers is empty";
	case FINDING_LIST_BROKEN:
		return lists->n ? NULL : "filter.lists is empty";
	case FINDING_LISTED:
		return any_list(lists, others, false) ? NULL : "no list of filter.lists gives it";
	case FINDING_LISTED_RECEIVED:
		return any_list(lists, CONFIG_OF_RECEIVED, false)
			       ? NULL
			       : "no list of filter.lists gives it";
	case FINDING_LISTED_URI:
		return any_list(lists, CONFIG_OF_URI, false) ? NULL
							     : "no list of filter.lists gives it";
	case FINDING_ALLOW_LISTED:
		return any_list(lists, all, true) ? NULL : "no list of filter.lists gives it";
	default:
		return NULL;
	}
}

static bool stands_again(const struct config_findings *all, size_t i)
{
	for (size_t k = i + 1; k < all->n; k++)
		if (all->items[k].index == all->items[i].index)
			return true;
	return false;
}

static void check_finding(const struct scope *s, const struct config_finding *own)
{
	const char *name = finding_infos[own->index].name;
	const char *reason = never(s, own->index);
	enum config_mode mode = effect_of(s, own->index).mode;
	if (reason)
		tell(s, own->line, "filter.findings: %s is never found: %s", name, reason);
	else if (own->has_score && is_of_lists(own->index))
		tell(s, own->line,
			"filter.findings: the score of %s counts for nothing: each reply of a list "
			"has its "
			"own, in filter.lists",
			name);
	else if (own->has_score && mode == CONFIG_MODE_OFF)
		tell(s, own->line,
			"filter.findings: the score of %s counts for nothing: its mode is off",
			name);
	else if (own->has_score && mode == CONFIG_MODE_OBSERVE)
		tell(s, own->line,
			"filter.findings: the score of %s counts for nothing: its mode is observe",
			name);
}

static void check_findings(const struct scope *s)
{
	const struct config_findings *all = &s->rules->findings;
	for (size_t i = s->inherited; i < all->n; i++) {
		if (stands_again(all, i))
			tell(s, all->items[i].line,
				"filter.findings: %s stands there again further down, and that "
				"counts",
				finding_infos[all->items[i].index].name);
		else
			check_finding(s, &all->items[i]);
	}
}

/* ── Values ───────────────────────────────────────────────────────────────────────────────── */

static void check_thresholds(const struct scope *s, const struct scope *server)
{
	const struct config_filter *r = s->rules;
	if (r->junk_at <= r->reject_at || (server && server->rules->junk_at == r->junk_at &&
						  server->rules->reject_at == r->reject_at))
		return;
	unsigned line = line_of(s, "filter.reject_at");
	tell(s, line ? line : line_of(s, "filter.junk_at"),
		"filter.reject_at is %.1f, below filter.junk_at, which is %.1f: what is spam is "
		"refused, and nothing goes to Junk by its score",
		r->reject_at, r->junk_at);
}

static bool is_extension(str word)
{
	bool good = true;
	for (size_t i = 0; i < word.n; i++)
		good = good && (ascii_is_alnum(word.p[i]) || (word.p[i] & 0x80) ||
				       word.p[i] == '-' || word.p[i] == '_');
	return good;
}

static void check_extensions(const struct scope *s, const struct scope *server)
{
	str words = s->rules->blocked_extensions, word;
	if (server && str_equal(words, server->rules->blocked_extensions))
		return;
	while (words.n) {
		str_cut(words, ' ', &word, &words);
		if (!is_extension(word))
			tell(s, line_of(s, "filter.blocked_extensions"),
				"filter.blocked_extensions: \"%.*s\" is no extension: write them "
				"without dots "
				"and commas, separated by spaces: \"exe scr\"",
				STR_ARG(str_first(word, 100)));
	}
}

/* ── Lists ────────────────────────────────────────────────────────────────────────────────── */

static str label_of(
	const struct config_list *list, const struct config_list_reply *reply, struct buf *out)
{
	buf_clear(out);
	buf_printf(out, "%.*s%s%.*s", STR_ARG(list->name), reply->name.n ? "_" : "",
		STR_ARG(reply->name));
	return buf_str(out);
}

/* The list, before the i-th, that gives the same name. */
static const struct config_list *first_with(
	const struct config_lists *lists, size_t i, str label, struct buf *scratch)
{
	for (size_t n = 0; n < i; n++)
		for (size_t k = 0; k < lists->items[n].reply_count; k++)
			if (str_equal(label_of(&lists->items[n], &lists->items[n].replies[k],
					      scratch),
				    label))
				return &lists->items[n];
	return NULL;
}

static void check_labels(const struct scope *s)
{
	struct buf label CLEANUP(buf_done) = BUF_INIT(256), other CLEANUP(buf_done) = BUF_INIT(256);
	const struct config_lists *lists = &s->config->filter.lists;
	for (size_t i = 0; i < lists->n; i++)
		for (size_t k = 0; k < lists->items[i].reply_count; k++) {
			const struct config_list_reply *r = &lists->items[i].replies[k];
			str name = label_of(&lists->items[i], r, &label);
			const struct config_list *first = first_with(lists, i, name, &other);
			if (first)
				tell(s, r->line,
					"filter.lists: %.*s is the name of findings of two lists, "
					"%.*s and %.*s: only the first counts",
					STR_ARG(name), STR_ARG(first->name),
					STR_ARG(lists->items[i].name));
		}
}

static bool is_of(str name, const struct config_list *list)
{
	str rest = str_skip(name, list->name.n);
	return str_starts(name, list->name) && (rest.n == 0 || rest.p[0] == '_');
}

void lint_counts(
	const struct config *config, const struct stats_findings *all, lint_fn *report, void *arg)
{
	const struct scope s = server_scope(config, report, arg);
	uint64_t judged = all->total.spam + all->total.ham;
	for (size_t i = 0; i < config->filter.lists.n && judged >= LINT_MESSAGES; i++) {
		const struct config_list *list = &config->filter.lists.items[i];
		bool found = false;
		for (size_t k = 0; k < all->n; k++)
			found |= is_of(all->items[k].name, list);
		if (!found)
			tell(&s, list->line,
				"filter.lists: %.*s has matched none of %llu messages in %d days: "
				"does it "
				"work (postern stats lists), and is it asked about the right "
				"things?",
				STR_ARG(list->name), (unsigned long long)judged, LINT_DAYS);
	}
}

/* ── The whole ────────────────────────────────────────────────────────────────────────────── */

static void check_scope(const struct scope *s, const struct scope *server)
{
	check_thresholds(s, server);
	check_findings(s);
	check_alone(s, server);
	check_lists_alone(s, server);
	check_extensions(s, server);
}

void lint_config(const struct config *config, lint_fn *report, void *arg)
{
	const struct scope server = server_scope(config, report, arg);
	check_scope(&server, NULL);
	check_labels(&server);
	for (size_t i = 0; i < config->domains.n; i++) {
		const struct scope own = domain_scope(&server, &config->domains.items[i]);
		check_scope(&own, &server);
	}
}
