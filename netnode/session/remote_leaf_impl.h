#pragma once

#include <boost/intrusive/list.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "block/pool.h"
#include "media/medium_pin.h"
#include "session/client_connection.h"
#include "session/remote_leaf.h"

namespace dst {

/// The state machine behind RemoteLeaf: down (connection 0 is being made, or its retry timer runs) or up (connection 0
/// is open). The other connections are made only while it is up and its epoch is accepted, since they name it.
class RemoteLeafImpl final : private ClientConnection::Owner {
public:
    RemoteLeafImpl(RemoteLeaf& leaf, Loop& loop, EventSink& events, RemoteLeafOptions options, LinkFactory make_link);
    ~RemoteLeafImpl() override;

    void open();
    void close(std::function<void()> closed);
    void cut(const Error& why);
    void submit(Request& request);
    void assume_geometry(const Geometry& geometry);
    void set_identity(const LeafIdentity& identity);

    void peek(Callback<Peek> done);
    void probe(Callback<Probe> done);
    void promise(const Peek& seen, const Epoch& epoch, Callback<LabelImage> done);
    void mark_served(const Epoch& epoch, Callback<LabelImage> done);
    void write_label(const Peek& seen, const LabelImage& image, Callback<LabelImage> done);

    bool up() const noexcept { return up_; }
    const Geometry& geometry() const noexcept { return geometry_; }
    Incarnation incarnation() const noexcept { return incarnation_; }
    const std::string& name() const noexcept { return options_.name; }
    const Error& last_error() const noexcept { return last_error_; }
    bool found_another() const noexcept { return found_another_ && last_error_.code == Errc::refused; }
    const Counters& counters() const noexcept { return counters_; }

private:
    struct Slot {
        Slot(RemoteLeafImpl& leaf, std::size_t index);
        std::size_t index;
        ClientConnection connection;
        Timer retry;
        Duration backoff;
    };
    using JobList = boost::intrusive::list<Job, boost::intrusive::constant_time_size<false>>;

    // --- Connections (remote_leaf_connect.cc)
    void connect(Slot& slot);
    void retry_later(Slot& slot, Errc why);
    void connect_others();
    bool close_others();
    void opened(ClientConnection& connection) override;
    void lost(ClientConnection& connection, const Error& why) override;
    void come_up(const wire::OpenAnswer& opened);
    void check_pin(ClientConnection& connection, const wire::OpenAnswer& opened);
    void notice_changes(const wire::OpenAnswer& opened);
    void go_down(const Error& why);
    void end_requests(Errc code);
    /// How it came to be down: its connection ended, could not be had at all, or the device above wanted it cut.
    enum class Fall { lost, unreachable, cut };
    void tell_down(const Error& why, Fall fall);
    bool same_medium(const wire::OpenAnswer& opened) const noexcept;
    Slot& slot_of(ClientConnection& connection);

    // --- Requests (remote_leaf.cc)
    bool can_be_split(const Request& request) const noexcept;
    void pump();
    ClientConnection* pick(std::uint64_t payload_bytes);
    bool issue_part(Job& job);
    std::uint64_t part_bytes(const Job& job) const noexcept;
    void part_done(Job& job, Errc status) override;
    void part_lost(Job& job) override;
    void drop_rest(Job& job);
    void has_room() override;
    void count(const Request& request, Errc code) noexcept;

    // --- Beside the data path (remote_leaf_control.cc)
    template <typename T>
    void control(wire::Kind kind, Bytes payload, Result<T> (*decode)(std::span<const std::byte>), Callback<T> done);

    RemoteLeaf& leaf_;
    Loop& loop_;
    EventSink& events_;
    const RemoteLeafOptions options_;
    LinkFactory make_link_;
    LeafIdentity identity_;

    std::vector<std::unique_ptr<Slot>> slots_;
    std::size_t next_slot_ = 0;  ///< round robin
    bool up_ = false;
    bool opened_ = false;  ///< open() was called
    bool closing_ = false;
    bool told_ = false;  ///< the observer knows last_error_
    bool epoch_accepted_ = false;
    Geometry geometry_;
    bool geometry_known_ = false;  ///< assumed, or heard of a netnode
    Incarnation incarnation_;
    Id medium_;  ///< by its label, when it was last up
    MediumPin pin_;
    Error last_error_{Errc::ok, {}};
    bool found_another_ = false;  ///< at the last OPEN that was answered
    Id group_;                    ///< the present connections
    Id group_before_;             ///< the last ones that were open, to be replaced

    Pool<Job> jobs_;
    JobList waiting_;  ///< not sent as a whole
    Errc lost_code_ = Errc::disconnected;
    Task pump_task_;
    Task down_task_;
    Counters counters_;
};

}  // namespace dst
