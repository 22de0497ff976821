// SPDX-License-Identifier: ISC
#include "sandwich/slowpath/offline.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

#include "sandwich/slowpath/offline_parts.h"

struct offline {
	GMappedFile *map; /* pcapng */
	struct pcapng pcapng;
	bool is_pcapng;
	pcap_t *pcap; /* all else */
	GByteArray *buffer;
	char *damage;
};

static int offline_fail(char **why, const char *path, int error, const char *text)
{
	*why = g_strdup_printf("%s: %s", path, text);
	return -error;
}

static struct offline *offline_new(void)
{
	struct offline *o = g_new0(struct offline, 1);

	o->buffer = g_byte_array_new();
	return o;
}

int offline_open_bytes(struct offline **out, const u8 *bytes, size_t size, char **why)
{
	if (!pcapng_is(bytes, size))
		return offline_fail(why, "bytes", EINVAL, "no pcapng");
	*out = offline_new();
	(*out)->is_pcapng = true;
	pcapng_init(&(*out)->pcapng, bytes, size);
	return 0;
}

/* Everything that libpcap reads. FILE is closed with it, or here. */
static int offline_open_pcap(struct offline **out, FILE *file, const char *path, char **why)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap = pcap_fopen_offline(file, text);

	if (!pcap) {
		fclose(file);
		return offline_fail(why, path, EINVAL, text);
	}
	*out = offline_new();
	(*out)->pcap = pcap;
	return 0;
}

static int offline_open_pcapng(struct offline **out, const char *path, char **why)
{
	GError *error = NULL;
	GMappedFile *map = g_mapped_file_new(path, FALSE, &error);
	int rc;

	if (!map) {
		rc = offline_fail(why, path, EIO, error->message);
		g_error_free(error);
		return rc;
	}
	rc = offline_open_bytes(out, (const u8 *)g_mapped_file_get_contents(map),
				g_mapped_file_get_length(map), why);
	if (rc)
		g_mapped_file_unref(map);
	else
		(*out)->map = map;
	return rc;
}

int offline_open(struct offline **out, const char *path, char **why)
{
	FILE *file = fopen(path, "re");
	u8 magic[4] = {0};
	size_t n;

	if (!file)
		return offline_fail(why, path, errno, g_strerror(errno));
	n = fread(magic, 1, sizeof(magic), file);
	if (ferror(file)) {
		int error = errno;

		fclose(file);
		return offline_fail(why, path, error, g_strerror(error));
	}
	if (pcapng_is(magic, n)) {
		fclose(file);
		return offline_open_pcapng(out, path, why);
	}
	rewind(file);
	return offline_open_pcap(out, file, path, why);
}

static int offline_next_pcap(struct offline *o, struct offline_packet *out)
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int rc = pcap_next_ex(o->pcap, &header, &data);

	if (rc == PCAP_ERROR) {
		g_free(o->damage);
		o->damage = g_strdup(pcap_geterr(o->pcap));
		return -EBADMSG;
	}
	if (rc != 1)
		return 0;
	*out = (struct offline_packet){
		.time = (u64)header->ts.tv_sec * 1000000u + (u64)header->ts.tv_usec,
		.data = data,
		.captured = header->caplen,
		.length = MAX(header->len, header->caplen),
		.link_type = pcap_datalink(o->pcap),
	};
	return 1;
}

int offline_next(struct offline *o, struct offline_frame *frame)
{
	struct offline_packet packet;
	int rc = o->is_pcapng ? pcapng_next(&o->pcapng, &packet) : offline_next_pcap(o, &packet);

	if (rc != 1)
		return rc;
	packet.captured = MIN(packet.captured, OFFLINE_FRAME_MAX);
	packet.length = MIN(packet.length, G_MAXINT32);
	*frame = (struct offline_frame){
		.time = packet.time, .interface = packet.interface, .link_type = packet.link_type};
	link_to_ethernet(&packet, o->buffer, frame);
	if (!frame->data) {
		frame->captured = packet.captured;
		frame->length = packet.length;
	}
	return 1;
}

const char *offline_damage(const struct offline *o)
{
	return o->is_pcapng ? o->pcapng.damage : o->damage;
}

void offline_close(struct offline *o)
{
	if (!o)
		return;
	if (o->is_pcapng)
		pcapng_fini(&o->pcapng);
	if (o->pcap)
		pcap_close(o->pcap);
	if (o->map)
		g_mapped_file_unref(o->map);
	g_byte_array_unref(o->buffer);
	g_free(o->damage);
	g_free(o);
}
