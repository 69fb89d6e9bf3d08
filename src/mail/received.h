/*
 * received.h: which client a Received field names (RFC 5321 §4.4). Every server writes it in its
 * own way; what is understood is "from HELO (NAME [ADDRESS])" and the variants of Exim
 * ("helo=HELO") and Exchange ("(ADDRESS)").
 */
#pragma once

#include "base/ip.h"

/* The value of the field; only its start is read. False where it names no address. */
bool received_client(str value, struct ip *out_client, str *out_helo) MUST_USE;
