#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "block/error.h"
#include "block/loop.h"

namespace dst {

/// Runs several operations at once and goes on when all have answered.
class StartStep : public std::enable_shared_from_this<StartStep> {
public:
    /// `then` gets the first error, or success. Never called from inside.
    StartStep(Loop& loop, Callback<void> then) : loop_(loop), then_(std::move(then)) {}
    template <typename T>
    Callback<T> add(std::function<void(const T&)> take) {
        ++pending_;
        return [self = shared_from_this(), take = std::move(take)](const Result<T>& result) {
            if (result) {
                if (take) take(*result);
            } else if (!self->error_) {
                self->error_ = result.error();
            }
            self->ended();
        };
    }
    Callback<void> add() {
        ++pending_;
        return [self = shared_from_this()](const Result<void>& result) {
            if (!result && !self->error_) self->error_ = result.error();
            self->ended();
        };
    }
    /// After the last add().
    void all_added() {
        ++pending_;
        loop_.defer([self = shared_from_this()] { self->ended(); });
    }

private:
    void ended() {
        if (--pending_ != 0) return;
        error_ ? then_(*error_) : then_({});
    }

    Loop& loop_;
    Callback<void> then_;
    unsigned pending_ = 0;
    std::optional<Error> error_;
};

}  // namespace dst
