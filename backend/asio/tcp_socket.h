#pragma once

#include <memory>
#include <string>

#include "asio/asio_loop.h"
#include "block/link.h"

namespace dst {

/// No delay, and a peer that vanished without a word is noticed.
void tune_tcp_socket(int fd);

/// Takes and clears the socket's pending error: an errno value, or 0.
int socket_error(int fd);

/// Whether `error`, of making a socket, is for want of descriptors or memory: it may pass, and every socket meets it.
bool is_shortage(int error) noexcept;

/// A link over a connected socket, which it takes over.
std::unique_ptr<Link> make_accepted_link(AsioLoop& loop, int fd, std::string peer);

}  // namespace dst
