#include "start/order.h"

#include <utility>

#include "start/journal_keeper.h"

namespace dst {
namespace {

/// Gives the member its mirror and number, by its name in the journal's records. False: none, or several.
bool find_by_name(const Journal& journal, Order& order) {
    unsigned found = 0;
    for (const Record& record : journal.records) {
        for (const RecordMember& member : record.members) {
            if (member.name != order.member) continue;
            order.mirror = record.mirror;
            order.number = member.number;
            ++found;
        }
    }
    return found == 1;
}

/// Puts the order into an opened journal, in memory.
Error put(JournalKeeper& keeper, const std::string& storage_name, Order order) {
    Journal& journal = keeper.journal();
    if (!journal.storage_name.empty() && journal.storage_name != storage_name) {
        return {Errc::refused, "the journal " + keeper.name() + " is of the storage '" + journal.storage_name +
                                   "', not of '" + storage_name + "'"};
    }
    if (order.what == StartOrder::resolve && order.mirror.is_nil() && !find_by_name(journal, order)) {
        return {Errc::not_found, "the journal " + keeper.name() + " knows no member '" + order.member +
                                     "' of a mirror; name it as the storage file or dstctl status does"};
    }
    if (order.what == StartOrder::none && journal.order == StartOrder::none) {
        return {Errc::not_found, "no order lies in the journal " + keeper.name()};
    }
    journal.storage_name = storage_name;
    keeper.give_order(order.what, {order.mirror, order.number});
    return {Errc::ok, {}};
}

}  // namespace

void leave_order(Loop& loop, EventSink& events, std::unique_ptr<Store> journal, const std::string& storage_name,
                 const Order& order, Callback<void> done) {
    auto keeper = std::make_shared<JournalKeeper>(loop, events, std::move(journal));
    // It ends outside its own callbacks.
    auto end = [&loop, keeper, done = std::move(done)](const Result<void>& result) {
        loop.defer([keeper, done, result] { done(result); });
    };
    keeper->open([keeper = keeper.get(), storage_name, order, end](const Result<void>& opened) {
        if (!opened) return end(opened);
        if (Error why = put(*keeper, storage_name, order); why.code != Errc::ok) return end(why);
        keeper->write(end);
    });
}

}  // namespace dst
