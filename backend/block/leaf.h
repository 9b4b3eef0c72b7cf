#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "block/block_device.h"

namespace dst {

/// One 4 KiB slot of a label as it lies on the medium; media/label.h reads it. Opaque here, so that it can be compared
/// and carried by folders that need not understand it.
using LabelImage = std::array<std::byte, 4096>;

/// What the label area of a medium holds.
enum class LabelState : std::uint8_t {
    absent = 0,      ///< readable, no magic in either copy
    valid = 1,       ///< at least one good copy
    damaged = 2,     ///< magic, but no good copy
    unreadable = 3,  ///< the disk does not read it
};

/// A head that has a medium open.
struct LiveHead {
    Epoch epoch;
    std::string
        name;  ///< as it calls itself, and from where: "tgtd[1234] on alpha at 10.0.0.1:55066"; empty: not known

    bool operator==(const LiveHead&) const = default;
};
/// For messages: its name, or that it said none, and its epoch.
std::string to_string(const LiveHead& head);

/// The answer to a peek (M5 step 1): what is there, without fencing anybody.
struct Peek {
    LabelState label_state = LabelState::absent;
    LabelImage label{};            ///< the newest good copy; zero unless valid
    Incarnation incarnation;       ///< of the medium as exported now
    std::optional<LiveHead> live;  ///< a session of it is alive on the medium (never one of the asker's own)
};

/// What libblkid and the label area say of a medium, for `init` and M7's "blank".
struct Probe {
    LabelState label_state = LabelState::absent;
    std::string found;          ///< empty: nothing known; else e.g. "ext4 filesystem", "GPT partition table"
    bool zeroes_known = false;  ///< every byte of the data area is known to read as zero (holes)
};

/// Who opens a leaf. Named again at every connection.
struct LeafIdentity {
    Id storage;         ///< nil: not known yet
    std::string place;  ///< the leaf's place in the tree as its label says it (media/label.h); empty: not known
    Epoch epoch;        ///< none: may peek, probe, label and read, but write only while there is no label at all (init)
    std::string head;   ///< program, host and pid for messages of the other side: "tgtd[1234] on alpha"
};

/// A leaf of the tree: a medium here or behind a netnode. Addresses [0, size) are the medium's without the label area
/// at its end. Goes up and down by itself: a netnode client reconnects with back-off until it is closed.
/// Operations beside the data path: one at a time; each answers in bounded time.
class Leaf : public BlockDevice {
public:
    /// As the YAML names it: "node1.example:7790/disk0" or "/dev/sdb".
    virtual const std::string& name() const = 0;

    /// Starts opening or connecting; on_up or on_down follows. Call once.
    virtual void open() = 0;

    /// What a journal remembers of a leaf that has not been up yet: geometry() answers it until the medium speaks.
    virtual void assume_geometry(const Geometry& geometry) = 0;

    /// From the next connection on; an already open session keeps its own until promise() or the next one.
    virtual void set_identity(const LeafIdentity& identity) = 0;

    /// Why the last attempt to come up failed; code ok while up or never tried.
    virtual const Error& last_error() const = 0;

    /// Down, and what lies in its place by now is not the medium that was promised an epoch, as it was: blank, another
    /// one, or an older copy of it.
    virtual bool found_another() const = 0;

    /// What the medium last failed at, while it was up; code ok: nothing since this leaf was made.
    const Error& last_request_error() const noexcept { return last_request_error_; }

    virtual void peek(Callback<Peek> done) = 0;
    virtual void probe(Callback<Probe> done) = 0;

    /// Compare-and-set (M5 step 6, M6): when label and incarnation still are what was peeked and no higher epoch was
    /// promised, stores `epoch` as promised, durably, ends everything of lower epochs, and makes this session its
    /// own. Errors: changed, fenced, busy, and what disks and links do. Answers the label as it now is.
    virtual void promise(const Peek& seen, const Epoch& epoch, Callback<LabelImage> done) = 0;

    /// Stores `served` durably (M5 step 8). Only for the session's own promised epoch, else fenced.
    virtual void mark_served(const Epoch& epoch, Callback<LabelImage> done) = 0;

    /// Replaces the label, durably, when it still is what was peeked (init, M7's labelling of a blank medium). With
    /// `image` all zero the label area is erased.
    virtual void write_label(const Peek& seen, const LabelImage& image, Callback<LabelImage> done) = 0;

protected:
    /// For last_request_error(): a request ended so.
    void note_result(const Request& request, Errc code) {
        if (code != Errc::medium_error && code != Errc::io_error && code != Errc::no_space) return;
        std::string what(to_string(request.operation));
        if (request.operation != Operation::flush) {
            what += " " + std::to_string(request.extent.offset) + "+" + std::to_string(request.extent.length);
        }
        last_request_error_ = {code, std::move(what)};
    }

private:
    Error last_request_error_{Errc::ok, {}};
};

}  // namespace dst
