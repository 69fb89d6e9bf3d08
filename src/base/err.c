#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

int err_set(struct err *err, int error, const char *format, ...)
{
	if (err) {
		va_list args;
		va_start(args, format);
		vsnprintf(err->text, sizeof err->text, format, args);
		va_end(args);
	}
	return -error;
}

int err_errno(struct err *err, int error, const char *format, ...)
{
	if (err) {
		va_list args;
		va_start(args, format);
		int n = vsnprintf(err->text, sizeof err->text, format, args);
		va_end(args);
		if (n >= 0 && (size_t)n < sizeof err->text)
			snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s",
				strerrordesc_np(error) ? strerrordesc_np(error) : "unknown error");
	}
	return -error;
}
