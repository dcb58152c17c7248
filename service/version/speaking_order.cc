#include "service/version/speaking_order.h"

#include <algorithm>
#include <array>

namespace trawl::service {
namespace {

constexpr std::array<std::string_view, 20> kAsked{
    // RFC 9112 section 9.2: data without a request is no response. The others go over HTTP.
    "http",          "http-proxy", "ipp", "soap", "upnp", "xml-rpc",
    "domain",         // RFC 1035 section 4.2.2
    "rpcbind",        // RFC 5531 section 9: a reply has the xid of a call
    "kerberos-sec",   // RFC 4120 section 7.2.2
    "ldap",           // RFC 4511 section 4; a server that goes away may say so
    "netbios-ssn",    // RFC 1002 section 4.3.1
    "microsoft-ds",   // MS-SMB2 section 3.3.5
    "ms-wbt-server",  // MS-RDPBCGR section 1.3.1.1
    "ms-sql-s",       // MS-TDS section 3.2: PRELOGIN
    "postgresql",     // PostgreSQL manual, "Message Flow": the startup message
    "X11",            // X Window System Protocol, "Connection Setup"
    "redis",          // Redis serialization protocol: request and response
    "memcached",      // memcached's protocol.txt
    "mqtt",           // MQTT 3.1.1 section 3.1: CONNECT is the first packet
    "amqp",           // AMQP 0-9-1 section 4.2.2: the protocol header
};

}  // namespace

bool speaks_only_when_asked(std::string_view service) noexcept {
  return std::ranges::find(kAsked, service) != kAsked.end();
}

}  // namespace trawl::service
