/*
 * heapdump export: the answer is a file. Under its name it is whole or not there: it is written beside
 * it and renamed. What is no plain file (a pipe, /dev/null) is written to as it is; so is standard
 * output, unless it is a terminal.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze/ui/commands.h"
#include "base/cleanup.h"

static int write_file(void *arg, const void *bytes, size_t n, struct err *err)
{
	FILE *f = arg;

	return fwrite(bytes, 1, n, f) == n
		       ? 0
		       : err_set(err, ERR_IO, "cannot write the export: %s", strerror(errno));
}

static int cannot(const char *what, const char *path, struct err *err)
{
	return err_set(err, ERR_IO, "cannot %s %.150s: %s", what, path, strerror(errno));
}

static bool is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

/* A new file beside path, named *temp (malloc'd), with the mode that open() would have given it. */
static FILE *create_beside(const char *path, char **temp)
{
	mode_t mask = umask(0);
	int fd;

	umask(mask);
	if (asprintf(temp, "%s.XXXXXX", path) < 0) {
		*temp = NULL;
		return NULL;
	}
	fd = mkostemp(*temp, O_CLOEXEC);
	if (fd >= 0)
		fchmod(fd, 0666 & ~mask);
	return fd < 0 ? NULL : fdopen(fd, "wb");
}

static int export_to(struct session *s, FILE *f, struct export_account *account, struct err *err)
{
	const struct sink sink = {write_file, f};
	int rc = export_pprof(s, &sink, account, err);

	if (rc == 0 && (fflush(f) || ferror(f)))
		rc = err_set(err, ERR_IO, "cannot write the export: %s", strerror(errno));
	return rc;
}

static int export_beside(struct session *s, const char *path, struct export_account *account,
			 struct err *err)
{
	_cleanup_free_ char *temp = NULL;
	FILE *f = create_beside(path, &temp);
	int rc;

	if (!f)
		return cannot("create", path, err);
	rc = export_to(s, f, account, err);
	if (fclose(f) && rc == 0)
		rc = cannot("write", path, err);
	if (rc == 0 && rename(temp, path))
		rc = cannot("name", path, err);
	if (rc < 0)
		unlink(temp);
	return rc;
}

static int export_special(struct session *s, const char *path, struct export_account *account,
			  struct err *err)
{
	FILE *f = fopen(path, "wbe");
	int rc;

	if (!f)
		return cannot("open", path, err);
	rc = export_to(s, f, account, err);
	if (fclose(f) && rc == 0)
		rc = cannot("write", path, err);
	return rc;
}

int export_ask(struct session *s, const struct options *o, struct fact *out, struct err *err)
{
	struct export_account account = {0};
	int rc;

	if (!(o->given & OPTION_TO))
		return err_set(err, ERR_USAGE, "export to what? --to pprof");
	if (!o->out && (o->json || isatty(STDOUT_FILENO)))
		return err_set(err, ERR_USAGE,
			       "a profile is no text: name a file with -o, or redirect the output");
	if (!o->out)
		rc = export_to(s, stdout, &account, err);
	else if (is_special(o->out))
		rc = export_special(s, o->out, &account, err);
	else
		rc = export_beside(s, o->out, &account, err);
	if (rc < 0)
		return rc;
	fact_set_str(out, "output", o->out);
	fact_set_str(out, "to", "pprof");
	fact_set_u64(out, "sites", account.sites);
	fact_set_u64(out, "in_use_objects", account.in_use_objects);
	fact_set_u64(out, "in_use_bytes", account.in_use_bytes);
	fact_set_u64(out, "missing", account.missing);
	return 0;
}

void export_show(const struct screen *s, const struct fact *a)
{
	fprintf(s->out, "%s: %s in %s in use, from %s; go tool pprof reads it\n",
		fact_str(a, "output"), screen_bytes(fact_u64(a, "in_use_bytes")).s,
		screen_counted(fact_u64(a, "in_use_objects"), "object").s,
		screen_counted(fact_u64(a, "sites"), "site").s);
	if (fact_u64(a, "missing"))
		fprintf(s->out, "INCOMPLETE: missing entries of the sampler's tables: %s\n",
			screen_count(fact_u64(a, "missing")).s);
}
