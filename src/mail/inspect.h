/*
 * inspect.h: what an attachment really is, whatever its name and its headers say: its type by its
 * bytes, what an archive holds, what is active in documents of Office and PDF, and where they lead.
 *
 * Any bytes give a result. All is bounded, by the limits below and by the arena: entries, depth,
 * bytes unpacked, and with them memory (some 200 MiB at worst, most of it what was unpacked) and
 * time (some seconds at worst). Where something was left out, INSPECT_TRUNCATED is set. Nothing is
 * executed, no file is opened, and no program is started.
 *
 * Needs some 100 KiB of stack and may take long: not for a task's stack, but for a thread
 * (task_offload()). Several threads may use one inspector. inspector_new() reads libmagic's
 * database and a locale, sets TZ to UTC where it is not set, and has to come before the sandbox and
 * before threads; inspect() then makes no system calls but those for memory and locks, and tries to
 * open what iconv looks for, which may fail.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum {
	INSPECT_ENTRIES_MAX =
		1000,          /* of an attachment, with those of archives inside of archives */
	INSPECT_DEPTH_MAX = 3, /* archives in archives */
	INSPECT_ITEM_MAX = 16 * 1024 * 1024,     /* unpacked, of one entry */
	INSPECT_UNPACKED_MAX = 64 * 1024 * 1024, /* of all of them */
	INSPECT_RATIO_MAX = 200, /* more than that, and more than INSPECT_ITEM_MAX, is a bomb */
	INSPECT_URIS_MAX = 500,
	INSPECT_URI_LENGTH_MAX = 4096,
	INSPECT_ARENA_MAX = 16 * 1024 * 1024, /* room for all of that */
};

enum inspect_class {
	INSPECT_OTHER, /* unknown too */
	INSPECT_EXECUTABLE,
	INSPECT_SCRIPT,
	INSPECT_SHORTCUT,
	INSPECT_OFFICE, /* OneNote too */
	INSPECT_PDF,
	INSPECT_ARCHIVE, /* and whatever is merely compressed */
	INSPECT_DISK_IMAGE,
	INSPECT_HTML, /* SVG with scripts too */
	INSPECT_IMAGE,
	INSPECT_MEDIA,
	INSPECT_MESSAGE,
	INSPECT_TEXT,
	INSPECT_CLASSES,
};

enum inspect_flag {
	/* The container. */
	INSPECT_ENCRYPTED = 1 << 0,       /* something cannot be read without a password */
	INSPECT_NAMES_ENCRYPTED = 1 << 1, /* not even what it holds */
	INSPECT_UNREADABLE = 1 << 2,      /* damaged, or of a kind that is not read */
	INSPECT_TRUNCATED = 1 << 3,       /* a limit was met */
	INSPECT_BOMB = 1 << 4,
	INSPECT_TOO_DEEP = 1 << 5,
	/* Office. */
	INSPECT_MACROS = 1 << 6,      /* VBA, or Basic and scripts of OpenDocument */
	INSPECT_MACROS_AUTO = 1 << 7, /* that run when it is opened or closed */
	INSPECT_MACROS_XLM = 1 << 8,  /* a macro sheet of Excel 4 */
	INSPECT_TEMPLATE = 1 << 9,    /* its template is elsewhere */
	INSPECT_EXTERNAL = 1 << 10,   /* it loads something from elsewhere; not: it has links */
	INSPECT_EMBEDDED = 1 << 11,   /* an object or a file is inside */
	INSPECT_ACTIVEX = 1 << 12,
	INSPECT_DDE = 1 << 13,
	INSPECT_EQUATION = 1 << 14, /* for the equation editor (CVE-2017-11882) */
	INSPECT_UPDATES = 1 << 15,  /* RTF: objects that load when it is opened */
	/* PDF; INSPECT_EMBEDDED too. */
	INSPECT_JAVASCRIPT = 1 << 16,  /* also of HTML and SVG */
	INSPECT_OPEN_ACTION = 1 << 17, /* something happens when it is opened, or on other events */
	INSPECT_LAUNCH = 1 << 18,      /* starts a program or opens another file */
	INSPECT_SUBMIT = 1 << 19,      /* sends a form */
	INSPECT_XFA = 1 << 20,
	INSPECT_ESCAPED = 1 << 21, /* such a name was written with #xx to hide it */
	INSPECT_LINKS = 1 << 22,   /* has links */
};

struct inspect_entry {
	str name;        /* as attachment_name_clean() gives it, behind its folders: see `odd` */
	str extension;   /* likewise */
	uint32_t odd;    /* enum attachment_flag, but that ATTACHMENT_PATH says that it leads out */
	uint32_t parent; /* the entry that it is in, from 1; 0 for the attachment itself */
	uint32_t depth;  /* 0: in the attachment itself */
	bool sized;
	uint64_t size; /* as the archive says */
	str type;      /* "" where its bytes were not seen or told nothing */
	enum inspect_class class, named;
	uint32_t flags; /* enum inspect_flag */
};

struct inspection {
	str type;                 /* "type/subtype"; "application/octet-stream" where unknown */
	enum inspect_class class; /* by its bytes; of text that a program would run, by its name */
	enum inspect_class named, declared; /* what its name and its header promise */
	uint32_t flags;                     /* enum inspect_flag, of itself */
	uint32_t inside;                    /* of all its entries */
	struct inspect_entry *entries;      /* in the arena */
	size_t entries_n;
	str *uris; /* in the arena: what documents lead to, as written, each once in a row */
	size_t uris_n;
	uint64_t unpacked; /* bytes that were */
};

struct inspector;

/* NULL without libmagic's database, or with a libarchive that would run programs. */
struct inspector *inspector_new(struct err *err) MUST_USE;
void inspector_free(struct inspector *in);

/* `name` is the attachment's, `declared` its "type/subtype" in lower case. Slices of the result lie
 * in the arena. */
void inspect(struct inspector *in, struct arena *a, str content, str name, str declared,
	struct inspection *out);

/* What an extension (without its dot) or a type promises; INSPECT_OTHER where nothing. */
enum inspect_class inspect_class_of_extension(str extension);
enum inspect_class inspect_class_of_type(str type);

/* "executable", "disk-image", …; "macros-auto", …: flag is the bit's number. */
const char *inspect_class_name(enum inspect_class class);
const char *inspect_flag_name(unsigned bit); /* NULL behind the last one */
