#include "osfp/active/group_probing.h"

#include "osfp/active/group_probing_steps.h"

namespace trawl::osfp {

template class BasicGroupProbing<Ipv4Family>;

}  // namespace trawl::osfp
