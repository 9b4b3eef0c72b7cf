#pragma once

#include <string>

#include "ctl/exit_status.h"
#include "ctl/terminal.h"
#include "start/order.h"

namespace dst::ctl {

/// What `start` and `resolve` were told; an order `none` takes back the one from before.
struct OrderArguments {
    std::string storage;  ///< a name, or the path of a storage file
    Order order;
    bool yes = false;  ///< do not ask
};

/// Shows what is at stake, asks, and places the order: with the head that has the storage open, else in its journal.
ExitStatus give_order(const OrderArguments& arguments, const Terminal& terminal);

}  // namespace dst::ctl
