#pragma once

#include <chrono>
#include <string>

#include "block/block_device.h"
#include "block/error.h"
#include "block/events.h"
#include "block/loop.h"
#include "config/spec.h"
#include "media/record.h"

/// What a mirror is given: where its records go, how long it waits, and its children.
namespace dst {

/// Where a mirror's record goes besides its members: the head's journal. Outlives the mirror.
class RecordKeeper {
public:
    virtual ~RecordKeeper() = default;
    /// Makes `record` durable in the journal (M2: journal first). One at a time per mirror.
    virtual void keep(const Record& record, Callback<void> done) = 0;
    /// A member answered `fenced` (M6): another head has taken over. Never called from inside a call to the mirror.
    virtual void on_fenced(const std::string& member) = 0;
    /// It has: no member gets a record any more, which the other head would know nothing of, and keep() answers
    /// overtaken_error().
    virtual bool overtaken() const noexcept { return false; }
    /// All members in sync that are left came back changed, and `mirror` carries on with them (M10): writes that were
    /// never flushed may be lost. Never called from inside a call to the mirror.
    virtual void on_last_changed(const std::string& mirror) { static_cast<void>(mirror); }
};

inline Error overtaken_error() { return {Errc::fenced, "another head has taken over"}; }

struct MirrorEnvironment {
    Loop& loop;
    EventSink& events;
    RecordKeeper* keeper = nullptr;
    Duration member_timeout = std::chrono::seconds(8);
    spec::Resync resync;
    /// The storage has no write cache: what comes from outside is FUA, and so must be what the mirror writes in its
    /// stead. A start then takes members that lost their caches (M5 step 3).
    bool write_through = false;
};

/// What a mirror is made of, beside the device itself.
struct MirrorChild {
    BlockDevice* device = nullptr;  ///< belongs to somebody else, outlives the mirror
    std::string name;
    spec::ReadPreference read = spec::ReadPreference::automatic;
    bool remote = false;
    unsigned levels = 0;  ///< of mirrors below and at it: each may wait for a member of its own
};

}  // namespace dst
