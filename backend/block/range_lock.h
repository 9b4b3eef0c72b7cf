#pragma once

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <cstddef>
#include <cstdint>

#include "block/extent.h"
#include "block/loop.h"

namespace dst {

/// Orders overlapping requests first come, first served (M11). Shared holders (reads) may overlap each other; an
/// exclusive one excludes everybody who overlaps it. Extents that do not overlap never wait for each other; an empty
/// extent waits for nobody. Allocates nothing: the caller keeps a Holder per request.
class RangeLock {
public:
    enum class Mode : std::uint8_t { shared, exclusive };

    /// One caller's claim. Fill in the first four, keep it alive and in place until unlock().
    class Holder {
    public:
        Extent extent;
        Mode mode = Mode::shared;
        /// Called once when a lock() that answered false is granted: from the loop, never from inside lock() or
        /// unlock(), so that it may call both.
        void (*granted)(Holder&) = nullptr;
        void* owner = nullptr;

    private:
        friend class RangeLock;
        boost::intrusive::set_member_hook<> narrow_hook_;
        boost::intrusive::list_member_hook<> wide_hook_;
        boost::intrusive::list_member_hook<> granted_hook_;
        std::uint64_t sequence_ = 0;
        std::uint32_t blockers_ = 0;  ///< earlier conflicting holders and waiters
        bool linked_ = false;
        bool wide_ = false;
        bool posted_ = false;

        friend bool operator<(const Holder& a, const Holder& b) noexcept { return a.extent.offset < b.extent.offset; }
    };

    /// Every byte of a device.
    static constexpr Extent whole_device{0, ~std::uint64_t{0}};

    explicit RangeLock(Loop& loop);
    ~RangeLock();
    RangeLock(const RangeLock&) = delete;
    RangeLock& operator=(const RangeLock&) = delete;

    /// True: granted at once, `granted` is not called. False: `granted` follows, unless unlock() withdraws.
    bool lock(Holder& holder);
    /// Gives back a granted claim, or withdraws a waiting one.
    void unlock(Holder& holder);
    /// Somebody waits for this granted claim.
    bool is_waited_for(const Holder& holder) noexcept;

    bool empty() const noexcept { return count_ == 0; }
    std::size_t size() const noexcept { return count_; }

private:
    template <auto hook>
    using ListOf =
        boost::intrusive::list<Holder,
                               boost::intrusive::member_hook<Holder, boost::intrusive::list_member_hook<>, hook>,
                               boost::intrusive::constant_time_size<false>>;
    using WideList = ListOf<&Holder::wide_hook_>;
    using GrantedList = ListOf<&Holder::granted_hook_>;
    using Narrow = boost::intrusive::multiset<
        Holder, boost::intrusive::member_hook<Holder, boost::intrusive::set_member_hook<>, &Holder::narrow_hook_>,
        boost::intrusive::constant_time_size<false>>;

    template <typename Visit>
    void for_each_conflict(const Holder& holder, Visit visit);
    void run_granted();

    Narrow narrow_;        ///< claims of at most 1 MiB, so that what overlaps begins at most so far below
    WideList wide_;        ///< the few longer ones, looked through
    GrantedList granted_;  ///< those whose `granted` is posted
    Task task_;
    std::uint64_t sequence_ = 0;
    std::size_t count_ = 0;
};

}  // namespace dst
