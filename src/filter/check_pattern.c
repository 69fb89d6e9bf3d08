/*
 * check_pattern.c: what tests send to see whether filters work: GTUBE (as SpamAssassin defined it)
 * and the EICAR file, which is one only where it begins the file. Where there is a scanner for
 * viruses, EICAR is for that: the test is of that one.
 */
#include "filter/check.h"

/* In two halves, so that this file is not found by others. */
#define GTUBE                                                                                      \
	STR("XJS*C4JDBQADN1.NSBN3*2IDNEN*"                                                         \
	    "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X")
#define EICAR                                                                                      \
	STR("X5O!P%@AP[4\\PZX54(P^)7CC)7}$"                                                        \
	    "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")

static void report(struct judgement *j)
{
	bool gtube = false, eicar = false;
	for (size_t i = 0; i < j->mail.texts_n; i++) {
		str text = j->mail.texts[i].source;
		gtube = gtube || str_find(text, GTUBE) >= 0;
		eicar = eicar || str_starts(str_trim(text), EICAR);
	}
	for (size_t i = 0; i < j->mail.attachments_n && !eicar; i++)
		eicar = str_starts(
			mail_attachment_content(&j->mail, &j->mail.attachments[i]), EICAR);
	if (gtube)
		judgement_find(j, FINDING_GTUBE, "%s", "");
	if (eicar && !j->message->scanner)
		judgement_find(j, FINDING_EICAR, "%s", "");
}

const struct check check_pattern = {
	.name = "pattern", .stage = CHECK_MESSAGE, .cost = CHECK_CHEAP, .report = report
};
