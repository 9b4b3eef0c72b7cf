#include "head/control_commands.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <optional>

#include "control/protocol.h"
#include "head/log_sinks.h"

namespace dst {
namespace {

namespace json = boost::json;

class Nowhere : public LogOutput {
public:
    bool write(Severity, std::string_view) override { return true; }
};

class ControlCommandsTest : public testing::Test {
protected:
    json::object answer(const json::object& request) {
        return answer_control({[] {
                                   StorageStatus status;
                                   status.storage = "vol0";
                                   return status;
                               },
                               events_,
                               [this](const Order& order) -> Result<std::string> {
                                   order_ = order;
                                   if (order.member == "/nobody")
                                       return Error{Errc::invalid_argument, "no such member"};
                                   return std::string("now");
                               }},
                              request);
    }

    std::optional<Order> order_;
    LogEvents events_{std::make_shared<Log>(std::make_unique<Nowhere>()), "vol0"};
};

TEST_F(ControlCommandsTest, StatusCarriesTheStorage) {
    const json::object status = answer(control::make_request("status"));
    EXPECT_TRUE(status.at("ok").as_bool());
    EXPECT_EQ(status.at("status").at("storage"), "vol0");
}

TEST_F(ControlCommandsTest, OrdersReachTheStorage) {
    EXPECT_EQ(answer({{"command", "start"}, {"order", "takeover"}}).at("text"), "now");
    EXPECT_EQ(order_->what, StartOrder::takeover);
    EXPECT_TRUE(answer({{"command", "start"}, {"order", "accept-data-loss"}}).at("ok").as_bool());
    EXPECT_EQ(order_->what, StartOrder::accept_data_loss);
    EXPECT_TRUE(answer({{"command", "start"}, {"order", "cancel"}}).at("ok").as_bool());
    EXPECT_EQ(order_->what, StartOrder::none);
    EXPECT_TRUE(answer({{"command", "resolve"}, {"discard", "/a"}}).at("ok").as_bool());
    EXPECT_EQ(order_->what, StartOrder::resolve);
    EXPECT_EQ(order_->member, "/a");
}

TEST_F(ControlCommandsTest, AnOrderThatSaysNothingIsRefused) {
    for (const json::object& request :
         {json::object{{"command", "start"}}, json::object{{"command", "start"}, {"order", "now"}},
          json::object{{"command", "resolve"}}, json::object{{"command", "resolve"}, {"discard", 7}}}) {
        EXPECT_FALSE(answer(request).at("ok").as_bool()) << request;
        EXPECT_FALSE(order_);
    }
    EXPECT_EQ(answer({{"command", "resolve"}, {"discard", "/nobody"}}).at("error").at("text"), "no such member");
}

TEST_F(ControlCommandsTest, EventsCanBeAskedForFromTheLastOneSeen) {
    events_.event(Severity::info, "a", "x", {});
    events_.event(Severity::info, "b", "y", {});
    json::object request = control::make_request("events");
    EXPECT_EQ(answer(request).at("events").as_array().size(), 2u);
    EXPECT_EQ(answer(request).at("last").to_number<int>(), 2);
    request["after"] = 1;
    ASSERT_EQ(answer(request).at("events").as_array().size(), 1u);
    EXPECT_EQ(answer(request).at("events").at(0).at("id"), "b");
}

TEST_F(ControlCommandsTest, RefusesASenselessEventNumber) {
    json::object request = control::make_request("events");
    request["after"] = "yesterday";
    EXPECT_EQ(answer(request).at("error").at("code"), "invalid-argument");
}

TEST_F(ControlCommandsTest, RefusesAnUnknownCommandByName) {
    const json::object refused = answer(control::make_request("dance"));
    EXPECT_FALSE(refused.at("ok").as_bool());
    EXPECT_NE(refused.at("error").at("text").as_string().find("dance"), json::string::npos);
}

TEST_F(ControlCommandsTest, RefusesARequestWithoutCommand) {
    EXPECT_EQ(answer({}).at("error").at("code"), "protocol-error");
}

}  // namespace
}  // namespace dst
