// Two files of one program, of which one is compiled with exceptions: this one, twice.

#include <orionrt/plan.hpp>

bool throws_its_error();

#if defined(__cpp_exceptions)

bool throws_its_error() {
  try {
    return orionrt::plan::from_json("{").value().size() > 0;
  } catch (const orionrt::bad_result& bad) {
    return bad.error().status() == ORIONRT_MALFORMED;
  }
}

#else

int main() {
  const auto lifetimes = orionrt::graph().lifetimes().value();
  const auto plan = orionrt::planner().plan(lifetimes).value();
  return plan.size() == 0 && throws_its_error() ? 0 : 1;
}

#endif
