#include <algorithm>

#include "start/engine_impl.h"

/// What `dstctl status` shows.
namespace dst {

StorageState StorageEngine::Impl::storage_state() const {
    if (journal_error_.code != Errc::ok) return StorageState::failed;
    if (fenced_) return StorageState::fenced;
    switch (starter_.state()) {
        case Starter::State::waiting:
        case Starter::State::starting: return StorageState::waiting;
        case Starter::State::failed: return StorageState::failed;
        case Starter::State::split: return StorageState::split;
        case Starter::State::serving: break;
    }
    if (gate_.given_up()) return StorageState::failed;
    if (gate_.holding() || (gate_.silent() && gate_.outermost()) || !tree_.root().device->up()) {
        return gate_.outermost() ? StorageState::held : StorageState::failed;
    }
    if (gate_.silent()) return StorageState::degraded;
    const auto& mirrors = tree_.mirrors();
    const auto degraded = [](const Vertex* mirror) { return mirror->mirror->degraded(); };
    return std::any_of(mirrors.begin(), mirrors.end(), degraded) ? StorageState::degraded : StorageState::healthy;
}

/// Of a linear some parts are there and others are not.
bool StorageEngine::Impl::part_is_lost() const {
    const Vertex& root = tree_.root();
    if (root.linear == nullptr || root.device->up()) return false;
    return std::any_of(root.children.begin(), root.children.end(),
                       [](const auto& child) { return child->device->up(); });
}

std::string StorageEngine::Impl::state_reason() const {
    switch (storage_state()) {
        case StorageState::healthy: return {};
        case StorageState::degraded:
            return gate_.silent() ? "nothing below answers, though requests wait"
                                  : "members are missing or not in sync";
        case StorageState::held: {
            const std::string loss = gate_.loss_text();
            if (gate_.silent())
                return "all that is left below hangs: " + loss + ". Look at the disks and netnodes below";
            return "no usable member is left for a part of the storage; " +
                   (loss.empty() ? "requests for it wait, and are answered so that initiators send them again" : loss) +
                   ". Bring back what is not there below. Where that is lost for good: close the storage (end its "
                   "sessions, remove the LUN), order 'dstctl start " +
                   starter_.command_target() + " --accept-data-loss', and open it again (add the LUN)";
        }
        case StorageState::fenced: return fenced_reason_;
        case StorageState::waiting:
        case StorageState::split:
        case StorageState::failed: break;
    }
    if (journal_error_.code != Errc::ok) return journal_error_.text;
    if (starter_.state() == Starter::State::serving) {
        const std::string whose =
            part_is_lost() ? "no usable member is left for a part of the storage; " : "no usable member is left; ";
        return gate_.outermost() ? whose + gate_.loss_text()
                                 : "no usable member is left for a part of the tree; it is down until one returns";
    }
    if (!leaves_open_) return opened_ ? "the journal is being opened" : "not opened yet";
    std::string reason = starter_.reason();
    const bool told = !reason.empty();
    if (!told) reason = "the start is under way";
    if (const StartOrder order = journal_.journal().order; order != StartOrder::none) {
        reason += "; it is ordered " + std::string(describe(order));
    }
    if (!told) return reason;
    // A storage whose size is not known is waited for by whoever opens it, who may give it up.
    const bool stays = gate_.geometry().size_bytes != 0 || !gate_.outermost();
    if (starter_.state() == Starter::State::waiting && stays) {
        reason += ". The start is tried again all the time, and goes on by itself";
    }
    return gate_.given_up() ? reason + ". Meanwhile " + gate_.loss_text() : reason;
}

/// Of a vertex that is down, as far as it, or what is below, says it.
std::string StorageEngine::Impl::why_down(const Vertex& vertex) const {
    if (vertex.device->up()) return {};
    if (vertex.leaf != nullptr) {
        return vertex.leaf->last_error().code == Errc::ok ? std::string() : to_string(vertex.leaf->last_error());
    }
    if (vertex.mirror != nullptr) {
        return vertex.mirror->serving() ? "no member in sync of it can be reached" : joiner_.why_not_started(vertex);
    }
    for (const auto& child : vertex.children) {
        const std::string why = why_down(*child);
        if (!why.empty()) return child->spec->name + ": " + why;
    }
    return {};
}

/// What keeps a member from being in sync and in use now, and what it failed at when it left.
std::string StorageEngine::Impl::member_reason(const Vertex& vertex, const Mirror::ChildStatus& child) const {
    const std::string down = why_down(vertex);
    if (child.state == VertexState::unreachable) return down.empty() ? child.reason : down;
    if (child.state != VertexState::dirty) return child.reason;
    std::string reason = child.reason;
    if (!vertex.device->up()) {
        reason = down.empty() ? "it cannot be reached" : down;
    } else if (vertex.parent->mirror->wants_back(vertex.position)) {
        const std::string waits_for = joiner_.why_not_back(vertex);
        if (!waits_for.empty()) reason = waits_for;
    }
    if (child.left_for.empty()) return reason;
    // What it was cut off for is the last that a leaf knows, until it has tried to come back.
    const std::string known = vertex.leaf != nullptr ? vertex.leaf->last_error().text : std::string();
    if (!known.empty() && child.left_for.find(known) != std::string::npos) return reason;
    return reason + "; before: " + child.left_for;
}

VertexStatus StorageEngine::Impl::vertex_status(const Vertex& vertex) const {
    VertexStatus status;
    status.name = vertex.spec->name;
    status.size_bytes = vertex.device->geometry().size_bytes;
    status.state = vertex.device->up() ? VertexState::up : VertexState::down;
    if (vertex.leaf != nullptr) {
        const Error& error = vertex.leaf->last_request_error();
        if (error.code != Errc::ok) status.last_error = error.text + ": " + std::string(to_string(error.code));
        status.kind = std::holds_alternative<spec::Disk>(vertex.spec->what) ? VertexKind::disk : VertexKind::netnode;
        status.reason = why_down(vertex);
    } else {
        status.kind = vertex.linear != nullptr ? VertexKind::linear : VertexKind::mirror;
    }
    if (vertex.parent != nullptr && vertex.parent->mirror != nullptr) {
        const Mirror::ChildStatus child = vertex.parent->mirror->child_status(vertex.position);
        status.state = child.state;
        status.resync = child.resync;
        status.reason = member_reason(vertex, child);
    }
    if (vertex.leaf != nullptr && vertex.device->up() && !starter_.refusal(vertex.index).empty()) {
        const bool member = vertex.parent != nullptr && vertex.parent->mirror != nullptr;
        status.state = member ? VertexState::refused : VertexState::down;
        status.reason = starter_.refusal(vertex.index);
    }
    for (const auto& child : vertex.children) status.children.push_back(vertex_status(*child));
    return status;
}

StorageStatus StorageEngine::Impl::status() const {
    StorageStatus status;
    status.storage = storage_.name;
    status.state = storage_state();
    status.reason = state_reason();
    status.size_bytes = gate_.geometry().size_bytes;
    status.logical_block_bytes = gate_.geometry().size_bytes == 0 ? 0 : gate_.geometry().logical_block_bytes;
    status.id = id_;
    status.head = head_;
    status.epoch = starter_.epoch().number;
    const Vertex& root = tree_.root();
    if (root.mirror != nullptr) {
        status.generation = root.mirror->record().generation;
    } else {
        for (const Vertex* mirror : tree_.mirrors()) {
            status.generation = std::max(status.generation, mirror->mirror->record().generation);
        }
    }
    status.tree = vertex_status(root);
    return status;
}

}  // namespace dst
