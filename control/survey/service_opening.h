#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/pipeline/service_tier.h"
#include "control/steward/address_list.h"
#include "control/survey/port_spec.h"
#include "control/survey/survey_options.h"

namespace trawl::control {

// The tier that asks what a survey finds, with its threads begun; nullptr where that is not wanted.
// Its sockets are bound to the kernel interface of the link, and to --source-ip. Fails with Usage
// where the kernel has no way to that link or might take the ports of probes for its own
// connections, and with BadInput where the probe file cannot be used.
[[nodiscard]] Result<std::unique_ptr<ServiceTier>> open_services(const SurveyOptions& options,
                                                                 const AddressList& blocked);

// Whether Linux may give one of `ports` to a connection: they are in `range`, the text of
// ip_local_port_range ("32768\t60999"), and not all in `reserved`, that of
// ip_local_reserved_ports ("8080,9148-9150", or "").
[[nodiscard]] bool may_be_given(PortRange ports, std::string_view range,
                                std::string_view reserved) noexcept;

}  // namespace trawl::control
