#include "head/control_commands.h"

#include <gtest/gtest.h>

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
                               events_},
                              request);
    }

    LogEvents events_{std::make_shared<Log>(std::make_unique<Nowhere>()), "vol0"};
};

TEST_F(ControlCommandsTest, StatusCarriesTheStorage) {
    const json::object status = answer(control::make_request("status"));
    EXPECT_TRUE(status.at("ok").as_bool());
    EXPECT_EQ(status.at("status").at("storage"), "vol0");
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
