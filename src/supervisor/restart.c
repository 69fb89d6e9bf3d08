#include "supervisor/restart.h"

#include "base/clock.h"

#define LONG_LIFE SECONDS(60) /* what came before is forgotten */
#define READY_MAX SECONDS(1)

int64_t restart_delay(const struct config *config, int64_t last, bool was_ready, int64_t life)
{
	int64_t least = config->supervisor.restart_delay;
	int64_t most = config->supervisor.restart_delay_max;
	if (was_ready)
		most = MIN(most, READY_MAX);
	return life >= LONG_LIFE ? least : MAX(MIN(2 * last, most), least);
}
