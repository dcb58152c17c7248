// A host of the lwIP stack behind the TAP interface that PRECONFIGURED_TAPIF names, with one open
// TCP port: lwip_host ADDRESS6 PORT. For measure_os_prints6.py, which tells how to build it.
#include <lwip/ip6_addr.h>
#include <lwip/mld6.h>
#include <lwip/netif.h>
#include <lwip/tcp.h>
#include <lwip/tcpip.h>
#include <netif/tapif.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct netif interface;
static const char* address;
static unsigned short port;

static err_t refuse(void* unused, struct tcp_pcb* connection, err_t error) {
  (void)unused;
  (void)error;
  if (connection != NULL) tcp_abort(connection);
  return ERR_ABRT;
}

static void begin(void* unused) {
  (void)unused;
  ip4_addr_t none;
  ip4_addr_set_zero(&none);
  if (netif_add(&interface, &none, &none, &none, NULL, tapif_init, tcpip_input) == NULL) {
    fputs("no interface\n", stderr);
    exit(1);
  }
  interface.flags |= NETIF_FLAG_MLD6;
  netif_set_default(&interface);
  netif_set_up(&interface);
  netif_set_link_up(&interface);
  netif_create_ip6_linklocal_address(&interface, 1);
  netif_ip6_addr_set_state(&interface, 0, IP6_ADDR_PREFERRED);
  ip6_addr_t own;
  if (!ip6addr_aton(address, &own)) exit(2);
  netif_ip6_addr_set(&interface, 1, &own);
  netif_ip6_addr_set_state(&interface, 1, IP6_ADDR_PREFERRED);
  struct tcp_pcb* listener = tcp_new_ip_type(IPADDR_TYPE_ANY);
  tcp_bind(listener, IP_ANY_TYPE, port);
  tcp_accept(tcp_listen(listener), refuse);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  address = argv[1];
  port = (unsigned short)atoi(argv[2]);
  tcpip_init(begin, NULL);
  for (;;) pause();
}
