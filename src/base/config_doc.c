/*
 * config_doc.c: what is written about the keys, from the same rows that read them.
 */
#include "base/config_table.h"

/* Words of text in lines of at most `width` columns, each after `prefix`. */
static void wrap(struct buf *out, str text, const char *prefix, size_t width)
{
	size_t column = 0;
	while (text.n) {
		str word;
		str_cut(text, ' ', &word, &text);
		if (column && column + 1 + word.n > width) {
			buf_add_char(out, '\n');
			column = 0;
		}
		buf_printf(out, "%s%.*s", column ? " " : prefix, STR_ARG(word));
		column += (column ? 1 : strlen(prefix)) + word.n;
	}
	buf_add_char(out, '\n');
}

/* A default as it is written in a file. */
static void write_value(struct buf *out, const struct config_key *key)
{
	str rest = str_from_z(key->value), item;
	if (!config_type_is_list(key->type)) {
		const char *quote = config_type_is_bare(key->type) ? "" : "\"";
		buf_printf(out, "%s%s%s", quote, key->value, quote);
		return;
	}
	if (config_type_is_groups(key->type)) {
		buf_printf(out, "( )");
		return;
	}
	buf_printf(out, "[");
	for (const char *comma = " "; rest.n; comma = ", ") {
		str_cut(rest, ' ', &item, &rest);
		buf_printf(out, "%s\"%.*s\"", comma, STR_ARG(item));
	}
	buf_printf(out, " ]");
}

static void sample_key(struct buf *out, const struct config_key *key)
{
	const char *indent = key->section ? "\t" : "";
	if (!str_ends(buf_str(out), STR("{\n")))
		buf_add_char(out, '\n');
	wrap(out, str_from_z(key->doc), key->section ? "\t# " : "# ", 92);
	if (*key->range && key->type != CONFIG_STRING && !config_key_is_required(key))
		buf_printf(out, "%s# (%s)\n", indent, key->range);
	buf_printf(out, "%s%s = ", indent, key->name);
	write_value(out, key);
	buf_printf(out, ";\n");
	if (key->type == CONFIG_LISTS)
		config_lists_write_sample(out);
}

void config_write_sample(struct buf *out)
{
	buf_printf(out,
		"# Every key of Postern with its default. Only hostname has none and must be set.\n"
		"# The syntax is that of libconfig: name = value; and section: { ... };\n");
	const char *open = NULL;
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		if (key->name) {
			if (open && !key->section) {
				buf_printf(out, "};\n");
				open = NULL;
			}
			sample_key(out, key);
			continue;
		}
		buf_printf(out, "%s\n", open ? "};\n" : "");
		wrap(out, str_from_z(key->doc), "# ", 92);
		buf_printf(out, "%s: {\n", key->section);
		open = key->section;
	}
	if (open)
		buf_printf(out, "};\n");
}

static void manual_range(struct buf *out, const struct config_key *key)
{
	str range = str_from_z(key->range);
	ptrdiff_t dots = str_find(range, STR(".."));
	if (key->type == CONFIG_CHOICE) {
		buf_printf(out, "One of");
		for (const char *comma = " "; range.n; comma = ", ") {
			str name;
			str_cut(range, '|', &name, &range);
			buf_printf(out, "%s\\(dq%.*s\\(dq", comma, STR_ARG(name));
		}
		buf_printf(out, ".\n");
	} else if (dots > 0) {
		buf_printf(out, "From %.*s to %.*s.\n", STR_ARG(str_first(range, (size_t)dots)),
			STR_ARG(str_skip(range, (size_t)dots + 2)));
	}
}

static void manual_key(struct buf *out, const struct config_key *key)
{
	char path[CONFIG_PATH_SIZE];
	buf_printf(out, ".TP\n.B %s\n", config_key_path(key, path));
	wrap(out, str_from_z(key->doc), "", 92);
	manual_range(out, key);
	if (key->policy)
		buf_printf(out, "Can also be set for one domain.\n");
	if (config_key_is_required(key)) {
		buf_printf(out, "Must be set.\n");
		return;
	}
	buf_printf(out, "Default: ");
	struct buf value = BUF_INIT(256);
	write_value(&value, key);
	for (size_t i = 0; i < value.n; i++)
		buf_add(out, value.p[i] == '"' ? STR("\\(dq") : str_from(&value.p[i], 1));
	buf_done(&value);
	buf_printf(out, "\n");
}

static const char manual_head[] =
	".\\\" Generated from src/base/config.def by `postern check --manual`. Do not edit.\n"
	".TH POSTERN.CONF 5 \"\" \"Postern\" \"File formats\"\n"
	".SH NAME\npostern.conf \\- configuration of the mail server Postern\n"
	".SH DESCRIPTION\n"
	"The file is a list of settings and sections, in the syntax of libconfig:\n"
	".PP\n.nf\n.RS\n"
	"hostname = \\(dqmx1.example.org\\(dq;\n"
	"smtp: { listen = [ \\(dq[::]:25\\(dq ]; max_message_size = \\(dq50M\\(dq; };\n"
	"# a comment\n"
	".RE\n.fi\n.PP\n"
	"Texts, sizes, durations, addresses and networks stand in quotes; numbers, true and false "
	"do\n"
	"not. Sizes have a unit of K, M or G (1024 each), durations one of ms, s, m, h or d. A "
	"listen\n"
	"address is 127.0.0.1:25, [2001:db8::1]:25, *:25 or [::]:25 (every address, IPv6 and "
	"IPv4),\n"
	"0.0.0.0:25 (every IPv4 address) or unix:/path. A network is 192.0.2.0/24 or one address.\n"
	"An unknown key is an error: the message names the line and what was probably meant.\n"
	".PP\n"
	".B postern check\n"
	"tells whether a configuration is right;\n"
	".B postern check \\-\\-defaults\n"
	"writes one with every key. The server takes a changed file on SIGHUP, and keeps the old "
	"one\n"
	"where the new one has an error.\n";

void config_write_manual(struct buf *out)
{
	buf_printf(out, "%s.SH GENERAL\n", manual_head);
	const char *section = NULL;
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		if (section && !key->section)
			buf_printf(out, ".SH DOMAINS\n");
		section = key->section;
		if (key->name) {
			manual_key(out, key);
			continue;
		}
		buf_printf(out, ".SH SECTION %s\n", key->section);
		wrap(out, str_from_z(key->doc), "", 92);
	}
	config_lists_write_manual(out);
	buf_printf(out, ".SH FILES\n.TP\n.I ./postern.conf, /etc/postern/postern.conf\n"
			"Where it is looked for, after\n.B \\-c\nand\n.BR $POSTERN_CONFIG .\n"
			".SH SEE ALSO\n.BR postern (1)\n");
}
