#include "tgt/port.h"

namespace dst::tgt {

Result<std::shared_ptr<Port>> Port::make() {
    auto port = std::make_shared<Port>();
    if (auto opened = port->storage_bell.open(); !opened) return opened.error();
    if (auto opened = port->tgtd_bell.open(); !opened) return opened.error();
    return port;
}

}  // namespace dst::tgt
