# The headers that lie in no room are tested by files beside the rooms.
file(GLOB sources CONFIGURE_DEPENDS *_test.cpp)
target_sources(semblance_encoder_tests PRIVATE ${sources})
