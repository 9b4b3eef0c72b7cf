#include "server/tree_probe.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "asio/owned_fd.h"
#include "asio/worker.h"
#include "disk/probe.h"

namespace dst {
namespace {

constexpr std::uint64_t part_bytes = 1u << 20;

/// Lives until it has answered; owned by itself.
class TreeProbe {
public:
    TreeProbe(AsioLoop& loop, BlockDevice& device, std::string name, Callback<Probe> done)
        : loop_(loop), device_(device), name_(std::move(name)), done_(std::move(done)), worker_(loop) {}

    void start() {
        const std::uint64_t size = device_.geometry().size_bytes;
        copy_ = std::make_shared<OwnedFd>(::memfd_create("dst-probe", MFD_CLOEXEC));
        if (!*copy_ || ::ftruncate(copy_->get(), static_cast<off_t>(size)) != 0) {
            answer(Error{Errc::out_of_resources, name_ + ": no memory to look at it: " + std::strerror(errno)});
            return;
        }
        const std::uint64_t first = std::min(part_bytes, size);
        parts_[0] = {0, first};
        parts_[1] = {size - first, first};
        buffer_.resize(first);
        read_next();
    }

private:
    void read_next() {
        if (next_ == parts_.size()) {
            look();
            return;
        }
        piece_ = {buffer_.data(), buffer_.size()};
        request_.operation = Operation::read;
        request_.extent = parts_[next_];
        request_.pieces = Pieces(&piece_, 1);
        request_.owner = this;
        request_.done = [](Request& request) { static_cast<TreeProbe*>(request.owner)->read_done(); };
        device_.submit(request_);
    }

    void read_done() {
        if (request_.result != Errc::ok) {
            answer(Error{request_.result, name_ + ": cannot be read"});
            return;
        }
        const Extent& part = parts_[next_++];
        const auto length = static_cast<ssize_t>(part.length);
        if (::pwrite(copy_->get(), buffer_.data(), part.length, static_cast<off_t>(part.offset)) != length) {
            answer(Error{Errc::out_of_resources, name_ + ": no memory to look at it"});
            return;
        }
        read_next();
    }

    void look() {
        auto found = std::make_shared<Result<std::string>>(Error{});
        worker_.run([found, copy = copy_] { *found = find_signature(copy->get()); },
                    [this, found](Errc code) {
                        if (code != Errc::ok) *found = Error{code, "no thread to look at it with"};
                        if (found->has_error()) {
                            answer(Error{found->error().code, name_ + ": " + found->error().text});
                            return;
                        }
                        Probe probe;
                        probe.found = **found;
                        answer(probe);
                    });
    }

    void answer(Result<Probe> result) {
        // Not from inside start(), and not destroyed inside its own callbacks.
        loop_.defer([this, result = std::move(result)] {
            const std::unique_ptr<TreeProbe> self(this);
            done_(result);
        });
    }

    AsioLoop& loop_;
    BlockDevice& device_;
    std::string name_;
    Callback<Probe> done_;
    Worker worker_;
    std::shared_ptr<OwnedFd> copy_;
    std::array<Extent, 2> parts_;
    std::size_t next_ = 0;
    Bytes buffer_;
    Piece piece_;
    Request request_;
};

}  // namespace

void probe_tree(AsioLoop& loop, BlockDevice& device, const std::string& name, Callback<Probe> done) {
    auto* probe = new TreeProbe(loop, device, name, std::move(done));
    probe->start();
}

}  // namespace dst
