// SPDX-License-Identifier: ISC
/*
 * The bare libpcap forwarder that the pcap data path is measured against: every frame that comes in
 * by one interface leaves by the other, with new MACs and nothing else done to it. pcap_dispatch()
 * in, pcap_inject() out.
 *
 *   bare_pcap IN OUT SOURCE-MAC DESTINATION-MAC
 */
#include <pcap/pcap.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

struct bare {
	pcap_t *in, *out;
	unsigned char macs[12]; /* destination, source */
};

static pcap_t *bare_open(const char *name)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap = pcap_create(name, text);

	if (!pcap)
		return NULL;
	pcap_set_snaplen(pcap, 2048);
	pcap_set_promisc(pcap, 1);
	pcap_set_immediate_mode(pcap, 1);
	pcap_set_buffer_size(pcap, 16 << 20);
	if (pcap_activate(pcap) < 0 || pcap_setdirection(pcap, PCAP_D_IN) < 0 ||
	    pcap_setnonblock(pcap, 1, text) < 0) {
		pcap_close(pcap);
		return NULL;
	}
	return pcap;
}

static void bare_frame(unsigned char *user, const struct pcap_pkthdr *header,
		       const unsigned char *data)
{
	const struct bare *b = (const void *)user;
	unsigned char frame[2048];

	if (header->caplen < 14 || header->caplen > sizeof(frame))
		return;
	memcpy(frame, b->macs, 12);
	memcpy(frame + 12, data + 12, header->caplen - 12);
	pcap_inject(b->out, frame, header->caplen);
}

static int bare_mac(unsigned char *b, const char *text)
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &b[0], &b[1], &b[2], &b[3], &b[4],
		      &b[5]) == 6;
}

int main(int argc, char **argv)
{
	struct bare b;
	struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.events = POLLIN}};

	if (argc != 5 || !bare_mac(b.macs + 6, argv[3]) || !bare_mac(b.macs, argv[4])) {
		fprintf(stderr, "usage: bare_pcap IN OUT SOURCE-MAC DESTINATION-MAC\n");
		return 2;
	}
	b.in = bare_open(argv[1]);
	b.out = bare_open(argv[2]);
	if (!b.in || !b.out) {
		fprintf(stderr, "bare_pcap: can't open '%s' and '%s'\n", argv[1], argv[2]);
		return 1;
	}
	fds[1].fd = pcap_get_selectable_fd(b.in);
	puts("ready");
	fflush(stdout);
	while (!fds[0].revents) {
		if (poll(fds, 2, -1) > 0 && fds[1].revents)
			pcap_dispatch(b.in, 64, bare_frame, (unsigned char *)&b);
	}
	return 0;
}
