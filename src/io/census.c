#include "io/census.h"

#include "base/map.h"
#include "base/random.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PLACES = 1 << 15, HASHES = 2 };

struct member {
	_Atomic uint32_t total;
	_Atomic uint32_t count[HASHES][PLACES];
};

struct table {
	uint64_t seeds[HASHES][2];
	_Atomic uint64_t note;
	struct member members[];
};

struct census {
	struct table *table;
	size_t size;
	unsigned members, self;
};

static size_t table_size(unsigned processes)
{
	return sizeof(struct table) + processes * sizeof(struct member);
}

static int map_table(
	int fd, unsigned processes, unsigned self, struct census **out, struct err *err)
{
	size_t size = table_size(processes);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_errno(err, errno, "mapping the table of connections");
	*out = xmalloc(sizeof **out);
	**out = (struct census){ p, size, processes, self };
	return 0;
}

int census_new(unsigned processes, struct census **out, int *out_fd, struct err *err)
{
	int fd = memfd_create("postern-census", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)table_size(processes)) < 0) {
		int rc = err_errno(err, errno, "making the table of connections");
		close_fd(&fd);
		return rc;
	}
	int rc = map_table(fd, processes, UINT32_MAX, out, err);
	if (rc < 0) {
		close_fd(&fd);
		return rc;
	}
	random_bytes((*out)->table->seeds, sizeof(*out)->table->seeds);
	*out_fd = fd;
	return 0;
}

int census_join(int fd, unsigned process, struct census **out, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "the table of connections");
	unsigned members =
		(unsigned)(((size_t)st.st_size - sizeof(struct table)) / sizeof(struct member));
	ASSERT(process < members);
	return map_table(fd, members, process, out, err);
}

void census_free(struct census *c)
{
	if (!c)
		return;
	munmap(c->table, c->size);
	free(c);
}

void census_clear(struct census *c, unsigned process)
{
	struct member *m = &c->table->members[process];
	if (m->total == 0)
		return;
	m->total = 0;
	for (size_t h = 0; h < HASHES; h++)
		for (size_t i = 0; i < PLACES; i++)
			m->count[h][i] = 0;
}

_Atomic uint64_t *census_note(struct census *c)
{
	return &c->table->note;
}

static size_t place(const struct census *c, size_t hash, const struct ip *client)
{
	return map_hash(c->table->seeds[hash], str_from(client, sizeof *client)) % PLACES;
}

static uint64_t count_client(const struct census *c, const size_t places[HASHES])
{
	uint64_t least = UINT64_MAX;
	for (size_t h = 0; h < HASHES; h++) {
		uint64_t sum = 0;
		for (unsigned i = 0; i < c->members; i++)
			sum += c->table->members[i].count[h][places[h]];
		least = MIN(least, sum);
	}
	return least;
}

enum census_verdict census_enter(
	struct census *c, const struct ip *client, uint64_t max_total, uint64_t max_client)
{
	struct ip who = ip_client(client);
	struct member *own = &c->table->members[c->self];
	size_t places[HASHES];
	uint64_t total = 0;
	for (unsigned i = 0; i < c->members; i++)
		total += c->table->members[i].total;
	if (total >= max_total)
		return CENSUS_FULL;
	for (size_t h = 0; h < HASHES; h++)
		places[h] = place(c, h, &who);
	if (count_client(c, places) >= max_client)
		return CENSUS_CLIENT_FULL;
	own->total++;
	for (size_t h = 0; h < HASHES; h++)
		own->count[h][places[h]]++;
	return CENSUS_WELCOME;
}

void census_leave(struct census *c, const struct ip *client)
{
	struct ip who = ip_client(client);
	struct member *own = &c->table->members[c->self];
	own->total--;
	for (size_t h = 0; h < HASHES; h++)
		own->count[h][place(c, h, &who)]--;
}
