// A host of lwIP, as Debian builds it, on a tap device that is there already:
//
//   PRECONFIGURED_TAPIF=tap0 lwip_host ADDRESS NETMASK PORT
//
// One TCP port is open; it takes connections and closes them when the peer does. Prints "ready".
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <lwip/ip4_addr.h>
#include <lwip/netif.h>
#include <lwip/tcp.h>
#include <lwip/tcpip.h>
#include <netif/tapif.h>

static struct netif host;
static ip4_addr_t address, netmask, gateway;
static unsigned short port;

static err_t on_received(void* context, struct tcp_pcb* connection, struct pbuf* data, err_t error) {
  (void)context;
  (void)error;
  if (data == NULL) return tcp_close(connection);
  tcp_recved(connection, data->tot_len);
  pbuf_free(data);
  return ERR_OK;
}

static err_t on_accepted(void* context, struct tcp_pcb* connection, err_t error) {
  (void)context;
  if (error != ERR_OK || connection == NULL) return ERR_VAL;
  tcp_recv(connection, on_received);
  return ERR_OK;
}

static void start(void* context) {
  (void)context;
  if (netif_add(&host, &address, &netmask, &gateway, NULL, tapif_init, tcpip_input) == NULL) exit(1);
  netif_set_default(&host);
  netif_set_up(&host);
  netif_set_link_up(&host);
  struct tcp_pcb* listener = tcp_new();
  if (listener == NULL || tcp_bind(listener, IP_ADDR_ANY, port) != ERR_OK) exit(1);
  listener = tcp_listen(listener);
  if (listener == NULL) exit(1);
  tcp_accept(listener, on_accepted);
  puts("ready");
  fflush(stdout);
}

int main(int argc, char** argv) {
  if (argc != 4 || !ip4addr_aton(argv[1], &address) || !ip4addr_aton(argv[2], &netmask)) return 2;
  port = (unsigned short)atoi(argv[3]);
  tcpip_init(start, NULL);
  for (;;) pause();
}
