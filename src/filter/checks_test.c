/* Each check of content: a message in which it finds what it is for, and one beside it in which it
 * does not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "filter/check.h"
#include "filter/judge_testing.h"

#include <stdio.h>

#define DNS                                                                                        \
	"1.2.0.192.in-addr.arpa PTR mail.away.test\n"                                              \
	"mail.away.test A 192.0.2.1\n"                                                             \
	"away.test TXT v=spf1 ip4:192.0.2.1 -all\n"                                                \
	"_dmarc.away.test TXT v=DMARC1; p=none\n"
#define FROM "From: A <a@away.test>\r\n"
#define TO "To: b@here.test\r\n"
#define SUBJECT "Subject: Lunch on Friday\r\n"
#define DATE "Date: Tue, 14 Nov 2023 22:00:00 +0000\r\n"
#define ID "Message-ID: <1@away.test>\r\n"
#define BODY "\r\nHello\r\n"
#define REST TO SUBJECT DATE ID
#define STRANGER "From: A <a@stranger.test>\r\n"
#define HTML "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
#define MIXED "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
#define ATTACHED(type, name, content)                                                              \
	"--b\r\nContent-Type: text/plain\r\n\r\nSee there.\r\n--b\r\nContent-Type: " type          \
	"\r\nContent-Disposition: attachment; filename=\"" name "\"\r\n\r\n" content               \
	"\r\n--b--\r\n"
#define TWENTY                                                                                     \
	"alpha bravo charlie delta echoes foxtrot golfing hotel india juliet kilos limas mikes "   \
	"november oscar papas quebec romeo sierra tangos uniform victor "
#define OTHER_TWENTY                                                                               \
	"apple banana cherry dates elder figs grape honey iceberg jackfruit kiwis lemon mango "    \
	"nectar orange peach quince raspberry straw tomato ugly vanilla "

struct row {
	enum finding_name name;
	const char *with, *without;
};

#define A(finding, with, without)                                                                  \
	{                                                                                          \
		FINDING_##finding, with, without                                                   \
	}

static const struct row rows[] = {
	A(HEADER_BROKEN, FROM REST "not a field\r\n" BODY, FROM REST BODY),
	A(HEADER_REPEATED, FROM REST SUBJECT BODY, FROM REST "Received: x\r\nReceived: y\r\n" BODY),
	A(HEADER_8BIT, FROM TO DATE ID "Subject: gr\xfc\xdf dich\r\n" BODY,
		FROM TO DATE ID "Subject: gr\xc3\xbc\xc3\x9f dich\r\n" BODY),
	A(DATE_MISSING, FROM TO SUBJECT ID BODY, FROM REST BODY),
	A(DATE_FUTURE, FROM TO SUBJECT ID "Date: Tue, 21 Nov 2023 22:00:00 +0000\r\n" BODY,
		FROM TO SUBJECT ID "Date: Wed, 15 Nov 2023 11:00:00 +0000\r\n" BODY),
	A(DATE_PAST, FROM TO SUBJECT ID "Date: Tue, 1 Aug 2023 22:00:00 +0000\r\n" BODY,
		FROM TO SUBJECT ID "Date: Wed, 1 Nov 2023 11:00:00 +0000\r\n" BODY),
	A(MESSAGE_ID_MISSING, FROM TO SUBJECT DATE BODY, FROM REST BODY),
	A(MESSAGE_ID_ODD, FROM TO SUBJECT DATE "Message-ID: 12345\r\n" BODY,
		FROM TO SUBJECT DATE "Message-ID: <a@[192.0.2.1]>\r\n" BODY),
	A(RECEIVED_ORDER,
		FROM REST "Received: from a by b; Tue, 14 Nov 2023 20:00:00 +0000\r\n"
			  "Received: from c by a; Tue, 14 Nov 2023 22:30:00 +0000\r\n" BODY,
		FROM REST "Received: from a by b; Tue, 14 Nov 2023 20:00:00 +0000\r\n"
			  "Received: from c by a; Tue, 14 Nov 2023 20:30:00 +0000\r\n" BODY),
	A(SUBJECT_MISSING, FROM TO DATE ID BODY, FROM REST BODY),
	A(SUBJECT_CAPITALS, FROM TO DATE ID "Subject: ACT NOW AND WIN\r\n" BODY,
		FROM TO DATE ID "Subject: The NASA RFC\r\n" BODY),
	A(SUBJECT_DISGUISED, FROM TO DATE ID "Subject: V i a g r a\r\n" BODY,
		FROM TO DATE ID "Subject: Plan A or B\r\n" BODY),
	A(SUBJECT_DISGUISED,
		FROM TO DATE ID "Subject: Vi\xe2\x80\x8b"
				"agra\r\n" BODY,
		FROM REST BODY),
	A(REPLY_FALSE, FROM TO DATE ID "Subject: Re: your order\r\n" BODY,
		FROM TO DATE ID "Subject: Re: your order\r\nIn-Reply-To: <2@b>\r\n" BODY),
	A(REPLY_FALSE, FROM TO DATE ID "Subject: AW: Angebot\r\n" BODY,
		FROM TO DATE ID "Subject: Re: your order\r\n\r\n> what you said\r\n"),
	A(FORWARD_FALSE, FROM TO DATE ID "Subject: Fwd: your order\r\n" BODY,
		FROM TO DATE ID "Subject: Fwd: your order\r\n\r\n--- Original ---\r\n"),
	A(TO_MISSING, FROM SUBJECT DATE ID BODY, FROM SUBJECT DATE ID "Cc: b@here.test\r\n" BODY),

	A(FROM_MISSING, REST BODY, FROM REST BODY),
	A(FROM_SEVERAL, "From: a@away.test, b@away.test\r\n" REST BODY, FROM REST BODY),
	A(FROM_INVALID, "From: a\r\n" REST BODY, FROM REST BODY),
	A(FROM_INVALID, "From: a@localhost\r\n" REST BODY, FROM REST BODY),
	A(FROM_NAME_ADDRESS, "From: \"boss@here.test\" <a@stranger.test>\r\n" REST BODY,
		"From: \"boss@mail.stranger.test\" <a@stranger.test>\r\n" REST BODY),
	A(FROM_NAME_ADDRESS, "From: =?utf-8?q?boss=40here.test?= <a@stranger.test>\r\n" REST BODY,
		/* DMARC has passed. */
		"From: \"boss@here.test\" <a@away.test>\r\n" REST BODY),
	A(FROM_NAME_DISGUISED, "From: =?utf-8?q?P=D0=B0ul?= <a@away.test>\r\n" REST BODY,
		"From: =?utf-8?q?=D0=9F=D0=B0=D0=B2=D0=B5=D0=BB_Smith?= <a@away.test>\r\n" REST
			BODY),
	A(FROM_BRAND, "From: PayPal Service <a@stranger.test>\r\n" REST BODY,
		"From: PayPal Service <a@mail.paypal.com>\r\n" REST BODY),
	A(FROM_BRAND, "From: Your UPS parcel <a@away.test>\r\n" REST BODY,
		"From: Startups weekly <a@away.test>\r\n" REST BODY),
	A(REPLY_TO_ELSEWHERE, FROM REST "Reply-To: x@stranger.test\r\n" BODY,
		FROM REST "Reply-To: x@lists.away.test\r\n" BODY),
	A(REPLY_TO_FREE, FROM REST "Reply-To: x@gmail.com\r\n" BODY,
		FROM REST "List-Id: <l.away.test>\r\nReply-To: x@gmail.com\r\n" BODY),

	A(BULK, FROM REST "Precedence: bulk\r\n" BODY, FROM REST BODY),
	A(BULK_NO_UNSUBSCRIBE, FROM REST "Feedback-ID: 1\r\n" BODY,
		FROM REST "List-Unsubscribe: <https://away.test/u>\r\n" BODY),
	A(BULK_NO_UNSUBSCRIBE,
		FROM REST HTML "<p>Hello <a href='https://away.test/1'>Unsubscribe</a></p>",
		FROM REST HTML "<p>Hello <a href='https://away.test/1'>More</a></p>"),
	A(BULK_NO_ONE_CLICK, FROM REST "List-Unsubscribe: <https://away.test/u>\r\n" BODY,
		FROM REST "List-Unsubscribe: <https://away.test/u>\r\n"
			  "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" BODY),
	A(BULK_NO_ADDRESS, FROM REST "Precedence: bulk\r\n" BODY,
		FROM REST "Precedence: bulk\r\n\r\nA GmbH, 10115 Berlin\r\n"),
	A(BULK_NO_ADDRESS, FROM REST "Precedence: bulk\r\n\r\nCall 5551234567\r\n",
		FROM REST "Precedence: bulk\r\n\r\nA Inc, 1 Main Street\r\n"),
	A(UNSUBSCRIBE_FOREIGN, FROM REST "List-Unsubscribe: <https://stranger.test/u>\r\n" BODY,
		FROM REST "List-Unsubscribe: <mailto:u@lists.away.test>\r\n" BODY),
	A(UNSUBSCRIBE_ODD, FROM REST "List-Unsubscribe: write to us\r\n" BODY,
		FROM REST "List-Unsubscribe: <mailto:u@away.test>, <https://away.test>\r\n" BODY),

	A(LINK_ELSEWHERE,
		STRANGER REST HTML "<a href='https://evil.test/'>https://bank.test/login</a>",
		STRANGER REST HTML "<a href='https://www.bank.test/'>https://bank.test/login</a>"),
	A(LINK_ELSEWHERE, STRANGER REST HTML "<a href='https://evil.test/'>www.bank.com</a>",
		STRANGER REST HTML "<a href='https://evil.test/'>Version 2.0 of it</a>"),
	A(LINK_ELSEWHERE_SIGNED,
		FROM REST HTML "<a href='https://count.test/'>https://bank.test/login</a>",
		STRANGER REST HTML "<a href='https://count.test/'>https://bank.test/login</a>"),
	A(URI_ADDRESS, FROM REST "\r\nhttp://192.0.2.7/x\r\n", FROM REST "\r\nhttp://a.test/\r\n"),
	A(URI_ADDRESS_ODD, FROM REST HTML "<a href='http://3221226003/x'>x</a>",
		FROM REST HTML "<a href='http://192.0.2.7/x'>x</a>"),
	A(URI_HOMOGRAPH, FROM REST HTML "<a href='http://xn--80ak6aa92e.com/'>x</a>",
		FROM REST HTML "<a href='http://xn--bcher-kva.example/'>x</a>"),
	A(URI_HOMOGRAPH, FROM REST HTML "<a href='http://p\xd0\xb0ypal.com/'>x</a>",
		FROM REST HTML "<a href='http://xn--80adxhks.test/'>x</a>"),
	A(URI_IDN, FROM REST HTML "<a href='http://xn--bcher-kva.example/'>x</a>",
		FROM REST HTML "<a href='http://buecher.example/'>x</a>"),
	A(URI_CREDENTIALS, FROM REST HTML "<a href='http://bank.test@evil.test/'>x</a>",
		FROM REST HTML "<a href='http://evil.test/@bank.test'>x</a>"),
	A(URI_DISGUISED, FROM REST HTML "<a href='http:\\\\evil.test\\x'>x</a>",
		FROM REST HTML "<a href='http://evil.test/x'>x</a>"),
	A(URI_PORT, FROM REST HTML "<a href='http://evil.test:8443/x'>x</a>",
		FROM REST HTML "<a href='http://evil.test:80/x'>x</a>"),
	A(URI_SHORTENER, FROM REST "\r\nSee https://bit.ly/3abc\r\n",
		FROM REST "\r\nSee https://notbit.ly/3abc\r\n"),

	A(HTML_IMAGE_ONLY, FROM REST HTML "<p>Hi</p><img src='cid:1' width=600 height=400>",
		FROM REST HTML "<p>Hi</p><img src='cid:1' width=16 height=16>"),
	A(HTML_FORM, FROM REST HTML "<form action='/x'><input name=a></form>",
		FROM REST HTML "<p>form</p>"),
	A(HTML_PASSWORD, FROM REST HTML "<form action='/x'><input type=password></form>",
		FROM REST HTML "<form action='/x'><input type=text></form>"),
	A(HTML_SCRIPT, FROM REST HTML "<script>alert(1)</script>x", FROM REST HTML "<p>script</p>"),
	A(HTML_SCRIPT, FROM REST HTML "<p onclick='x()'>x</p>", FROM REST HTML "<p>on</p>"),
	A(HTML_REFRESH,
		FROM REST HTML "<meta http-equiv=refresh content='0;url=http://evil.test/'>x",
		FROM REST HTML "<meta name=a content='0;url=http://evil.test/'>x"),
	A(HTML_FRAME, FROM REST HTML "<iframe src='http://evil.test/'></iframe>x",
		FROM REST HTML "<p>frame</p>"),
	A(HTML_ATTACHED_FORM,
		FROM REST MIXED ATTACHED(
			"text/html", "a.html", "<form action='/x'><input type=password></form>"),
		FROM REST MIXED ATTACHED("text/html", "a.html", "<p>Report</p>")),
	A(TEXT_DIFFERS,
		FROM REST "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; "
			  "boundary=b\r\n\r\n--b\r\n\r\n" TWENTY
			  "\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>" OTHER_TWENTY
			  "</p>\r\n--b--\r\n",
		FROM REST "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; "
			  "boundary=b\r\n\r\n--b\r\n\r\n" TWENTY
			  "\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>" TWENTY
			  "</p>\r\n--b--\r\n"),
	A(TEXT_INVISIBLE, FROM REST HTML "<p>pass&#8203;word, ac&#8203;count, lo&shy;gin</p>",
		FROM REST HTML "<p>preview &#8203; &#8203; &#8203; &#8203; text</p>"),

	A(MIME_BROKEN, FROM REST "MIME-Version: 1.0\r\nContent-Type: multipart/mixed\r\n" BODY,
		FROM REST MIXED "--b\r\n\r\nx\r\n--b--\r\n"),
	A(MIME_ENCODING, FROM REST "MIME-Version: 1.0\r\nContent-Transfer-Encoding: rot13\r\n" BODY,
		FROM REST "MIME-Version: 1.0\r\nContent-Transfer-Encoding: 7BIT\r\n" BODY),
	A(MIME_CHARSET,
		FROM REST "MIME-Version: 1.0\r\nContent-Type: text/plain; "
			  "charset=us-ascii\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
			  "Gr\xc3\xbc\xc3\x9f"
			  "e aus K\xc3\xb6ln\r\n",
		FROM REST "MIME-Version: 1.0\r\nContent-Type: text/plain; "
			  "charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
			  "Gr\xc3\xbc\xc3\x9f"
			  "e aus K\xc3\xb6ln\r\n"),
	A(MIME_CHARSETS,
		FROM REST MIXED
		"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\na\r\n"
		"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\na\r\n"
		"--b\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\na\r\n"
		"--b\r\nContent-Type: text/plain; charset=big5\r\n\r\na\r\n--b--\r\n",
		FROM REST MIXED
		"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\na\r\n"
		"--b\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\na\r\n--b--\r\n"),
	A(MIME_BASE64_TEXT,
		FROM REST
		"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n"
		"QnV5IG5vdywgYnV5IGNoZWFwLCBidXkgYWxsIG9mIGl0LCBhbmQgYnV5IGl0IGZyb20gdXMgYW5k\r\n"
		"IG5vYm9keSBlbHNlLCBldmVyLg==\r\n",
		FROM REST
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n"
		"R3LDvMOfZSBhdXMgS8O2bG4sIHVuZCBzbyB3ZWl0ZXIgdW5kIHNvIHdlaXRlciB1bmQgc28gd2Vp\r\n"
		"dGVyIHVuZCBzbyB3ZWl0ZXIu\r\n"),
	A(MIME_EMPTY, FROM REST "\r\n", FROM REST BODY),

	A(ATTACHMENT_BLOCKED, FROM REST MIXED ATTACHED("application/octet-stream", "a.VBS", "x"),
		FROM REST MIXED ATTACHED("application/octet-stream", "a.txt", "x")),
	A(ATTACHMENT_DOUBLE, FROM REST MIXED ATTACHED("application/pdf", "bill.pdf.exe", "x"),
		FROM REST MIXED ATTACHED("application/pdf", "bill.2023.pdf", "x")),
	A(ATTACHMENT_NAME_ODD,
		FROM REST MIXED ATTACHED("application/pdf",
			"bill\xe2\x80\xae"
			"fdp.exe",
			"x"),
		FROM REST MIXED ATTACHED("application/pdf", "bill.pdf", "x")),
	A(ATTACHMENT_UUENCODED, FROM REST "\r\nbegin 644 a.bin\r\n#0V%T\r\n`\r\nend\r\n",
		FROM REST "\r\nbegin the day\r\n"),

	A(GTUBE,
		FROM REST "\r\nXJS*C4JDBQADN1.NSBN3*2IDNEN*"
			  "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n",
		FROM REST "\r\nGTUBE\r\n"),
	A(EICAR,
		FROM REST MIXED ATTACHED("application/octet-stream", "eicar.com",
			"X5O!P%@AP[4\\PZX54(P^)7CC)7}$"
			"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"),
		FROM REST "\r\nThe file has EICAR-STANDARD-ANTIVIRUS-TEST-FILE in it\r\n"),
};

static bool finds(const char *message, enum finding_name name)
{
	struct testing_judgement j;
	char wanted[100];
	snprintf(wanted, sizeof wanted, "\"name\":\"%s\"", finding_infos[name].name);
	testing_judge_init(&j, &(struct testing_case){ .dns = DNS, .message = message });
	testing_judge_run(&j);
	bool found = str_find(j.verdict.record, str_from_z(wanted)) >= 0;
	testing_judge_done(&j);
	return found;
}

static void fires_where_it_should(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *name = finding_infos[rows[i].name].name;
		if (!finds(rows[i].with, rows[i].name))
			fail_msg("%s is not found in: %s", name, rows[i].with);
		if (finds(rows[i].without, rows[i].name))
			fail_msg("%s is found in: %s", name, rows[i].without);
	}
}

/* The message that all others are made from is without fault. */
static void ordinary_mail_is_ordinary(void **state)
{
	struct testing_judgement j;
	testing_judge_init(&j, &(struct testing_case){ .dns = DNS, .message = FROM REST BODY });
	testing_judge_run(&j);
	assert_true(j.verdict.score <= 0);
	testing_judge_done(&j);
}

static bool is_tested(enum finding_name name)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].name == name)
			return true;
	return false;
}

/* ── What was found in an attachment ──────────────────────────────────────────────────────── */

/* Made from files in tests/e2e/test_attachments.py; here, what follows from each thing that can be
 * found in one. */
struct inspected {
	enum inspect_class class, named;
	uint32_t flags;
};

static const struct {
	enum finding_name name;
	struct inspected with, without;
} inspected_rows[] = {
	{ FINDING_ATTACHMENT_PROGRAM, { INSPECT_EXECUTABLE, INSPECT_OTHER, 0 },
		{ INSPECT_SCRIPT, INSPECT_OTHER, 0 } },
	{ FINDING_ATTACHMENT_PROGRAM, { INSPECT_SHORTCUT, INSPECT_SHORTCUT, 0 },
		{ INSPECT_PDF, INSPECT_PDF, 0 } },
	{ FINDING_ATTACHMENT_TYPE, { INSPECT_SCRIPT, INSPECT_PDF, 0 },
		{ INSPECT_SCRIPT, INSPECT_SCRIPT, 0 } },
	{ FINDING_ATTACHMENT_TYPE, { INSPECT_HTML, INSPECT_IMAGE, 0 },
		{ INSPECT_HTML, INSPECT_OTHER, 0 } },
	{ FINDING_ATTACHMENT_IMAGE, { INSPECT_DISK_IMAGE, INSPECT_DISK_IMAGE, 0 },
		{ INSPECT_ARCHIVE, INSPECT_DISK_IMAGE, 0 } },
	{ FINDING_ATTACHMENT_ENCRYPTED, { INSPECT_ARCHIVE, INSPECT_ARCHIVE, INSPECT_ENCRYPTED },
		{ INSPECT_ARCHIVE, INSPECT_ARCHIVE, INSPECT_UNREADABLE } },
	{ FINDING_ATTACHMENT_ENCRYPTED,
		{ INSPECT_ARCHIVE, INSPECT_ARCHIVE, INSPECT_NAMES_ENCRYPTED },
		{ INSPECT_ARCHIVE, INSPECT_ARCHIVE, INSPECT_TRUNCATED } },
	{ FINDING_ATTACHMENT_BOMB, { INSPECT_ARCHIVE, INSPECT_ARCHIVE, INSPECT_BOMB },
		{ INSPECT_ARCHIVE, INSPECT_ARCHIVE, INSPECT_TRUNCATED } },
	{ FINDING_ATTACHMENT_BOMB, { INSPECT_ARCHIVE, INSPECT_ARCHIVE, INSPECT_TOO_DEEP },
		{ INSPECT_ARCHIVE, INSPECT_ARCHIVE, 0 } },
	{ FINDING_ATTACHMENT_MACROS, { INSPECT_OFFICE, INSPECT_OFFICE, INSPECT_MACROS },
		{ INSPECT_OFFICE, INSPECT_OFFICE, INSPECT_EMBEDDED } },
	{ FINDING_ATTACHMENT_MACROS_AUTO,
		{ INSPECT_OFFICE, INSPECT_OFFICE, INSPECT_MACROS | INSPECT_MACROS_AUTO },
		{ INSPECT_OFFICE, INSPECT_OFFICE, INSPECT_MACROS } },
	{ FINDING_ATTACHMENT_MACROS_AUTO, { INSPECT_OFFICE, INSPECT_OFFICE, INSPECT_MACROS_XLM },
		{ INSPECT_OFFICE, INSPECT_OFFICE, INSPECT_ACTIVEX } },
	{ FINDING_ATTACHMENT_EXPLOIT, { INSPECT_OFFICE, INSPECT_OFFICE, INSPECT_EQUATION },
		{ INSPECT_OFFICE, INSPECT_OFFICE, INSPECT_EXTERNAL } },
	{ FINDING_ATTACHMENT_EXTERNAL, { INSPECT_OFFICE, INSPECT_OFFICE, INSPECT_EXTERNAL },
		{ INSPECT_OFFICE, INSPECT_OFFICE, INSPECT_LINKS } },
	{ FINDING_ATTACHMENT_PDF_ACTIVE, { INSPECT_PDF, INSPECT_PDF, INSPECT_JAVASCRIPT },
		{ INSPECT_HTML, INSPECT_HTML, INSPECT_JAVASCRIPT } },
	{ FINDING_ATTACHMENT_PDF_ACTIVE, { INSPECT_PDF, INSPECT_PDF, INSPECT_LAUNCH },
		{ INSPECT_PDF, INSPECT_PDF, INSPECT_LINKS } },
	{ FINDING_ATTACHMENT_PDF_DISGUISED,
		{ INSPECT_PDF, INSPECT_PDF, INSPECT_JAVASCRIPT | INSPECT_ESCAPED },
		{ INSPECT_PDF, INSPECT_PDF, INSPECT_JAVASCRIPT } },
};

/* In an entry of such an attachment; INSPECT_OTHER: in the attachment itself. */
static bool finds_inspected(
	const struct inspected *what, enum inspect_class around, enum finding_name name)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(1024 * 1024);
	const struct config_filter rules = { .blocked_extensions = STR_EMPTY };
	const struct config_findings none = { 0 };
	struct mail_attachment attachment = { .declared = STR_EMPTY };
	struct inspect_entry entry = { .name = STR("x"),
		.extension = STR_EMPTY,
		.type = STR_EMPTY,
		.class = what->class,
		.named = what->named,
		.flags = what->flags };
	struct inspection plain = {
		.class = what->class, .named = what->named, .flags = what->flags
	};
	struct inspection container = {
		.class = around, .named = around, .entries = &entry, .entries_n = 1
	};
	struct judgement j = { .arena = &a,
		.rules = &rules,
		.mail = { .attachments = &attachment, .attachments_n = 1 },
		.inspections = around != INSPECT_OTHER ? &container : &plain,
		.inspection_count = 1 };
	findings_init(&j.findings, &none, &a);
	check_attachment.report(&j);
	return finding_has(&j.findings, name);
}

static void inside_of_attachments(void **state)
{
	static const enum inspect_class around[] = { INSPECT_OTHER, INSPECT_ARCHIVE,
		INSPECT_MESSAGE };
	for (size_t i = 0; i < ARRAY_LEN(inspected_rows); i++)
		for (size_t k = 0; k < ARRAY_LEN(around); k++) {
			enum finding_name name = inspected_rows[i].name;
			if (!finds_inspected(&inspected_rows[i].with, around[k], name) ||
				finds_inspected(&inspected_rows[i].without, around[k], name))
				fail_msg("row %zu, %s, in: %s", i, finding_infos[name].name,
					inspect_class_name(around[k]));
		}
	const struct inspected archive = { INSPECT_ARCHIVE, INSPECT_ARCHIVE, 0 },
			       text = { INSPECT_TEXT, INSPECT_TEXT, 0 };
	assert_true(finds_inspected(&archive, INSPECT_ARCHIVE, FINDING_ATTACHMENT_NESTED));
	assert_false(finds_inspected(&archive, INSPECT_MESSAGE, FINDING_ATTACHMENT_NESTED));
	assert_false(finds_inspected(&archive, INSPECT_OTHER, FINDING_ATTACHMENT_NESTED));
	assert_false(finds_inspected(&text, INSPECT_ARCHIVE, FINDING_ATTACHMENT_NESTED));
}

static bool is_inspected(enum finding_name name)
{
	for (size_t i = 0; i < ARRAY_LEN(inspected_rows); i++)
		if (inspected_rows[i].name == name)
			return true;
	return name == FINDING_ATTACHMENT_NESTED;
}

/* Tested below, for they need larger messages. */
static bool is_tested_below(enum finding_name name)
{
	return name == FINDING_HEADER_NUL || name == FINDING_URI_TRUNCATED ||
	       name == FINDING_HTML_HIDDEN || name == FINDING_MIME_TRUNCATED ||
	       name == FINDING_MIME_LONG_LINE;
}

static void every_check_of_content_is_tested(void **state)
{
	for (unsigned i = FINDING_HEADER_BROKEN; i <= FINDING_EICAR; i++)
		if (!is_tested(i) && !is_inspected(i) && !is_tested_below(i))
			fail_msg("%s has no row", finding_infos[i].name);
}

/* A header, `n` times a piece that may hold its number for '#', and an end. */
static bool finds_repeated(
	const char *head, const char *piece, size_t n, const char *tail, enum finding_name name)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(4 * 1024 * 1024);
	buf_add(&text, str_from_z(head));
	for (size_t i = 0; i < n; i++)
		for (const char *p = piece; *p; p++) {
			if (*p == '#')
				buf_add_u64(&text, i);
			else
				buf_add_char(&text, *p);
		}
	buf_add(&text, str_from_z(tail));
	buf_add_char(&text, '\0');
	assert_false(text.overflowed);
	return finds(text.p, name);
}

static void of_larger_messages(void **state)
{
	const char *hidden = FROM REST HTML "<p>Hello</p><p style='font-size:1px'>";
	assert_true(finds_repeated(hidden, "word# ", 100, "</p>", FINDING_HTML_HIDDEN));
	assert_false(finds_repeated(hidden, "word# ", 10, "</p>", FINDING_HTML_HIDDEN));
	const char *text = FROM REST "\r\n";
	assert_true(finds_repeated(text, "x#", 500, "\r\n", FINDING_MIME_LONG_LINE));
	assert_false(finds_repeated(text, "x#", 100, "\r\n", FINDING_MIME_LONG_LINE));
	const char *link = "<a href='http://h#.test/'>x</a>";
	assert_true(finds_repeated(FROM REST HTML, link, 3000, "", FINDING_URI_TRUNCATED));
	assert_false(finds_repeated(FROM REST HTML, link, 300, "", FINDING_URI_TRUNCATED));
	const char *part = "--b\r\n\r\n#\r\n";
	assert_true(finds_repeated(FROM REST MIXED, part, 3000, "", FINDING_MIME_TRUNCATED));
	assert_false(finds_repeated(FROM REST MIXED, part, 30, "", FINDING_MIME_TRUNCATED));
}

static void control_characters(void **state)
{
	assert_true(finds(FROM REST "X-A: a\rb\r\n" BODY, FINDING_HEADER_NUL));
	assert_false(finds(FROM REST "X-A: a b\r\n" BODY, FINDING_HEADER_NUL));
}

/* ── Sums ─────────────────────────────────────────────────────────────────────────────────── */

static double sum_of(const double *scores, size_t n)
{
	static const str labels[] = { { "A", 1 }, { "B", 1 }, { "C", 1 }, { "D", 1 }, { "E", 1 },
		{ "F", 1 } };
	struct arena a CLEANUP(arena_done) = ARENA_INIT(64 * 1024);
	const struct config_findings none = { 0 };
	struct findings f;
	findings_init(&f, &none, &a);
	for (size_t i = 0; i < n; i++)
		finding_add_labelled(&f, FINDING_LISTED, labels[i], scores[i], STR_EMPTY);
	return findings_score(&f);
}

/* A threshold is reached by what adds up to it on paper. */
static void sums_are_exact(void **state)
{
	assert_true(sum_of((const double[]){ 0.7, 0.1 }, 2) == 0.8);
	assert_true(sum_of((const double[]){ 1.2, 0.8, 2.5, 0.3, 0.1, 0.1 }, 6) == 5.0);
	assert_true(sum_of((const double[]){ -0.7, -0.1, -0.5 }, 3) == -1.3);
}

/* ── What the message is told to say ──────────────────────────────────────────────────────── */

static void spam_fields(void **state)
{
	struct testing_judgement j;
	testing_judge_init(
		&j, &(struct testing_case){ .dns = DNS,
			    .config = "filter: { junk_at = 1.0; reject_at = 100.0; };",
			    .message = "X-Spam-Flag: NO\r\nX-Spam-Status: No\r\n" FROM TO DATE ID
				       "x-spam-level: *\r\n" BODY });
	testing_judge_run(&j);
	assert_true(str_find(j.verdict.fields, STR("\r\nX-Spam-Flag: NO\r\n")) < 0);
	testing_judge_done(&j);
	testing_judge_init(&j,
		&(struct testing_case){ .dns = DNS,
			.config = "filter: { junk_at = 0.5; reject_at = 100.0; findings = ( { name "
				  "= \"SUBJECT_MISSING\"; score = 3.0; } ); };",
			.message = "X-Spam-Flag: NO\r\nX-Spam-Status: No\r\n" FROM TO DATE ID
				   "x-spam-level: *\r\n" BODY });
	testing_judge_run(&j);
	assert_int_equal(j.verdict.action, JUDGE_JUNK);
	assert_true(str_find(j.verdict.fields, STR("\r\nX-Spam-Flag: YES\r\n")) > 0);
	assert_true(str_find(j.verdict.fields, STR("\r\nX-Spam-Status: Yes, score=")) > 0);
	assert_true(str_find(j.verdict.fields, STR("required=0.5\r\n\ttests=")) > 0);
	assert_true(str_find(j.verdict.fields, STR("SUBJECT_MISSING")) > 0);
	assert_int_equal(j.verdict.cut_count, 2);
	assert_int_equal(j.verdict.cuts[0].offset, 0);
	assert_int_equal(j.verdict.cuts[0].n, strlen("X-Spam-Flag: NO\r\nX-Spam-Status: No\r\n"));
	testing_judge_done(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fires_where_it_should),
		cmocka_unit_test(ordinary_mail_is_ordinary),
		cmocka_unit_test(inside_of_attachments),
		cmocka_unit_test(every_check_of_content_is_tested),
		cmocka_unit_test(of_larger_messages),
		cmocka_unit_test(control_characters),
		cmocka_unit_test(sums_are_exact),
		cmocka_unit_test(spam_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
