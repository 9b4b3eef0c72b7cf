#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "block/buffer.h"
#include "block/error.h"

namespace dst {

/// A stream of bytes to one peer: TCP, TLS or simulated. Readiness style: read() and write() move what goes at once
/// and never keep a reference to the caller's memory, so a buffer is free as soon as the call returns (M12).
class Link {
public:
    /// Never called from inside a call to the link.
    class Observer {
    public:
        virtual ~Observer() = default;
        /// The connection stands; reading and writing may begin.
        virtual void on_connected() = 0;
        /// There is something to read. Comes again only after a read() that returned less than was asked.
        virtual void on_readable() = 0;
        /// There is room to write again, after a write() that took less than was given.
        virtual void on_writable() = 0;
        /// Lost, refused or closed by the peer. Last call; not made after the own close().
        virtual void on_closed(const Error& why) = 0;
    };

    /// What read() and write() take at once.
    static constexpr std::size_t pieces_max = 1024;

    virtual ~Link() = default;  ///< closes

    /// Set before connect(), or at once on an accepted link.
    virtual void set_observer(Observer* observer) = 0;
    /// Looks up and connects (clients). An accepted link stands already and reports on_readable by itself.
    virtual void connect() = 0;
    /// Fills the pieces as far as bytes are there; returns how many. 0: nothing now, or closed (on_closed follows).
    virtual std::size_t read(Pieces into) = 0;
    /// Takes bytes as far as there is room; returns how many. 0: no room now, or closed (on_closed follows).
    virtual std::size_t write(Pieces from) = 0;
    /// Of the bytes that write() took, those that the peer's side has not taken yet. 0 when that is not known.
    virtual std::uint64_t untaken_bytes() const = 0;
    /// Cuts the connection. Nothing of it is sent or received afterwards.
    virtual void close() = 0;
    /// The other end for messages: "192.0.2.7:40112".
    virtual const std::string& peer() const = 0;
};

/// Makes unconnected links to one address.
using LinkFactory = std::function<std::unique_ptr<Link>()>;

}  // namespace dst
