#include "mail/uri_host.h"

#include "base/ip.h"
#include "base/utf8.h"

#include <stdio.h>
#include <unicode/uidna.h>

void uri_unmask(struct buf *out, str s, uint32_t *flags)
{
	while (s.n) {
		uint32_t c;
		size_t n = (unsigned char)s.p[0] < 0x80 ? 0 : utf8_decode(s, &c);
		if (n == 0) {
			buf_add_char(out, s.p[0]);
		} else if (utf8_is_unseen(c) || (c >= 0xfe00 && c <= 0xfe0f)) {
			*flags |= URI_INVISIBLE;
		} else if (c == 0x3002 || c == 0xff61 || (c >= 0xff01 && c <= 0xff5e)) {
			*flags |= URI_FULLWIDTH;
			buf_add_char(out, c < 0xff01 || c == 0xff61 ? '.' : (char)(c - 0xfee0));
		} else {
			buf_add(out, str_first(s, n));
		}
		s = str_skip(s, MAX(n, (size_t)1));
	}
}

bool uri_percent_decode(struct buf *out, str s)
{
	bool any = false;
	for (size_t i = 0; i < s.n; i++) {
		int high = s.p[i] == '%' && i + 2 < s.n ? ascii_hex(s.p[i + 1]) : -1;
		int low = high >= 0 ? ascii_hex(s.p[i + 2]) : -1;
		buf_add_char(out, low >= 0 ? (char)(high << 4 | low) : s.p[i]);
		any = any || low >= 0;
		i += low >= 0 ? 2 : 0;
	}
	return any;
}

/* A number in decimal, octal ("017") or hexadecimal ("0x1f"). */
static bool read_ipv4_number(str s, uint64_t *out, bool *odd)
{
	unsigned radix = 10;
	if (str_starts_nocase(s, STR("0x"))) {
		radix = 16;
		s = str_skip(s, 2);
	} else if (s.n > 1 && s.p[0] == '0') {
		radix = 8;
	} else if (s.n == 0) {
		return false;
	}
	*odd = *odd || radix != 10;
	uint64_t value = 0;
	for (size_t i = 0; i < s.n; i++) {
		int digit = ascii_hex(s.p[i]);
		if (digit < 0 || (unsigned)digit >= radix)
			return false;
		value = MIN(value * radix + (unsigned)digit, (uint64_t)1 << 40);
	}
	*out = value;
	return true;
}

/* One to four numbers; the last one fills what is left of the 32 bits. */
static bool read_ipv4(str host, uint32_t *out, bool *odd)
{
	uint64_t parts[4];
	size_t n = 0;
	str label;
	for (bool more = true; more; n++) {
		more = str_cut(host, '.', &label, &host);
		if (n == 4 || !read_ipv4_number(label, &parts[n], odd))
			return false;
	}
	*odd = *odd || n != 4;
	if (parts[n - 1] >= (uint64_t)1 << (8 * (5 - n)))
		return false;
	uint32_t value = (uint32_t)parts[n - 1];
	for (size_t i = 0; i + 1 < n; i++) {
		if (parts[i] > 255)
			return false;
		value |= (uint32_t)parts[i] << (24 - 8 * i);
	}
	*out = value;
	return true;
}

static bool add_ipv6(struct buf *out, str host, uint32_t *flags)
{
	struct ip ip;
	char text[IP_TEXT_SIZE];
	str inside = str_first(str_skip(host, 1), host.n - 2);
	str zone, address;
	str_cut(inside, '%', &address, &zone);
	if (!str_ends(host, STR("]")) || !ip_parse(address, &ip))
		return false;
	*flags |= ip_is_v4(&ip) ? URI_IPV4 | URI_IPV4_ODD : URI_IPV6;
	buf_add(out, str_from(text, ip_format(&ip, text)));
	return true;
}

static bool is_name(str s)
{
	str label;
	bool more = s.n <= URI_HOST_MAX;
	if (!more)
		return false;
	while (more) {
		more = str_cut(s, '.', &label, &s);
		if (label.n == 0 || label.n > 63)
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-' && label.p[i] != '_')
				return false;
	}
	return true;
}

static bool to_ascii(struct buf *out, str name)
{
	char ascii[URI_HOST_MAX + 1];
	UErrorCode status = U_ZERO_ERROR;
	UIDNA *idna = uidna_openUTS46(UIDNA_NONTRANSITIONAL_TO_ASCII, &status);
	if (U_FAILURE(status))
		return false;
	UIDNAInfo info = UIDNA_INFO_INITIALIZER;
	int32_t n = uidna_nameToASCII_UTF8(
		idna, name.p, (int32_t)name.n, ascii, sizeof ascii, &info, &status);
	uidna_close(idna);
	if (U_FAILURE(status) || info.errors || n <= 0 || n > URI_HOST_MAX)
		return false;
	buf_add(out, str_from(ascii, (size_t)n));
	return true;
}

static void add_lower(struct buf *out, str s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_add_char(out, ascii_lower(s.p[i]));
}

static void add_name(struct buf *out, str name, uint32_t *flags)
{
	size_t before = out->n;
	if (ascii_only(name) || name.n > 4 * URI_HOST_MAX || !utf8_valid(name) ||
		!to_ascii(out, name))
		add_lower(out, str_first(name, URI_HOST_MAX));
	str host = str_skip(buf_str(out), before);
	uint32_t address;
	bool odd = false;
	if (read_ipv4(host, &address, &odd)) {
		*flags |= URI_IPV4 | (odd ? URI_IPV4_ODD : 0);
		out->n = before;
		buf_printf(out, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
			address >> 8 & 255, address & 255);
		return;
	}
	if (str_starts(host, STR("xn--")) || str_find(host, STR(".xn--")) >= 0)
		*flags |= URI_PUNYCODE;
	if (name.n > 4 * URI_HOST_MAX || !is_name(host))
		*flags |= URI_BAD_HOST;
}

bool uri_host(struct buf *out, str host, uint32_t *flags)
{
	struct buf decoded CLEANUP(buf_done) = BUF_INIT(URI_LENGTH_MAX);
	struct buf plain CLEANUP(buf_done) = BUF_INIT(URI_LENGTH_MAX);
	if (uri_percent_decode(&decoded, str_first(host, URI_LENGTH_MAX)))
		*flags |= URI_PERCENT_HOST;
	uri_unmask(&plain, buf_str(&decoded), flags);
	str s = str_trim(buf_str(&plain));
	if (str_starts(s, STR("[")) && add_ipv6(out, s, flags))
		return true;
	while (str_ends(s, STR(".")))
		s.n--;
	if (s.n == 0)
		return false;
	add_name(out, s, flags);
	return true;
}

/* Top-level domains that are met in mail; country codes are two letters. */
static const char tlds[] =
	" com net org info biz edu gov mil int eu name pro mobi asia tel jobs cat coop "
	"aero museum travel arpa xyz top online site store shop club live app dev page "
	"tech cloud link click space website email blog icu vip work fun win bid loan "
	"men date stream download review trade party science racing cricket faith "
	"accountant host press support help center company agency services solutions "
	"systems world today life news media group global digital network zone tools "
	"finance bank money cash credit capital insure health care delivery express "
	"london berlin paris tokyo nyc amsterdam hamburg koeln wien moscow africa swiss "
	"buzz monster cyou sbs cfd rest bar quest beauty hair skin makeup lol ink ltd "
	"gmbh inc llc studio design photo photos pics video audio games game guru "
	"ninja rocks social chat email fit run bio bond best one ";

/* Country codes that end the names of files or are words. */
static const char ambiguous[] =
	" am as at be by cc cd cx do es go hr id im in is it la md me mm mn mp my no ps "
	"pl pm py rs sc sh so st tk to tv us vi ws ai co ";

static bool among(const char *words, str label)
{
	char word[20] = " ";
	if (label.n == 0 || label.n > 16)
		return false;
	for (size_t i = 0; i < label.n; i++)
		word[1 + i] = ascii_lower(label.p[i]);
	word[1 + label.n] = ' ';
	return str_find(str_from_z(words), str_from(word, label.n + 2)) >= 0;
}

bool uri_known_tld(str host, bool strict)
{
	ptrdiff_t dot = str_find_last_char(host, '.');
	str label = dot < 0 ? STR_EMPTY : str_skip(host, (size_t)dot + 1);
	if (str_starts_nocase(label, STR("xn--")))
		return true;
	if (label.n == 2 && ascii_is_alpha(label.p[0]) && ascii_is_alpha(label.p[1]))
		return !strict || !among(ambiguous, label);
	return among(tlds, label);
}
