/*
 * public.h: what libpostern-mailauth is to its users: these headers are installed, the functions
 * that they declare are exported, and nothing else is. The library is compiled with this in front.
 */
#pragma GCC visibility push(default)
#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/ip.h"
#include "base/str.h"
#include "mail/header.h"
#include "mailauth/arc.h"
#include "mailauth/auth.h"
#include "mailauth/auth_results.h"
#include "mailauth/dkim.h"
#include "mailauth/dmarc.h"
#include "mailauth/dns.h"
#include "mailauth/dns_system.h"
#include "mailauth/domain.h"
#include "mailauth/rdns.h"
#include "mailauth/spf.h"
#pragma GCC visibility pop
