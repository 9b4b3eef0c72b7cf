#pragma once

#include <memory>
#include <string>

#include "block/error.h"
#include "block/events.h"
#include "block/loop.h"
#include "block/store.h"
#include "media/journal.h"

namespace dst {

/// What the administrator orders (docs/mirror.md, "Orders"); `none`: that an order from before is taken back. Of
/// `resolve` the member is named as in the file, or by its mirror's id and its number in it where those are known.
struct Order {
    StartOrder what = StartOrder::none;
    std::string member;
    Id mirror;
    std::uint32_t number = 0;
};

/// Leaves an order in the journal of a storage that no head has open, durably; the next open carries it out. A journal
/// that is not there is made, and carries nothing else then. Errors: busy (a head has it), refused (another storage's),
/// not_found (resolve: the journal does not know the member; none: no order lies there).
void leave_order(Loop& loop, EventSink& events, std::unique_ptr<Store> journal, const std::string& storage_name,
                 const Order& order, Callback<void> done);

}  // namespace dst
