#include "tree/owned_request.h"

#include <memory>
#include <utility>

namespace dst {
namespace {

struct OwnedRequest {
    Request request;
    Bytes bytes;
    Piece piece;
    std::function<void(Errc, Bytes)> done;
};

void completed(Request& request) {
    const std::unique_ptr<OwnedRequest> owned(static_cast<OwnedRequest*>(request.owner));
    const Errc result = request.result;
    owned->done(result, std::move(owned->bytes));
}

}  // namespace

void submit_owned(BlockDevice& device, OwnedOrder order, std::function<void(Errc, Bytes)> done) {
    auto owned = std::make_unique<OwnedRequest>();
    owned->bytes = std::move(order.bytes);
    owned->done = std::move(done);
    Request& request = owned->request;
    request.operation = order.operation;
    request.fua = order.fua;
    request.extent = order.extent;
    if (order.operation == Operation::read) owned->bytes.resize(order.extent.length);
    if (order.operation == Operation::read || order.operation == Operation::write) {
        owned->piece = {owned->bytes.data(), owned->bytes.size()};
        request.pieces = Pieces(&owned->piece, 1);
    }
    request.done = completed;
    request.owner = owned.release();
    device.submit(request);
}

}  // namespace dst
