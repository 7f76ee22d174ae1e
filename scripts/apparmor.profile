# AppArmor's profile for the copy of bubblewrap that scripts/apparmor makes for grading.
#
# It forbids nothing and grants one thing: bubblewrap, and what it starts, may make user namespaces and have capabilities
# within them. From Ubuntu 23.10 on nothing may that has no profile; from 25.04 on /usr/bin/bwrap has a profile that takes
# the capabilities from what it starts. The grader shuts each notebook into namespaces of its own inside of bubblewrap's.
abi <abi/4.0>,
include <tunables/global>

profile autograder-bwrap /usr/local/lib/autograder/bwrap flags=(unconfined) {
  userns,

  include if exists <local/autograder-bwrap>
}
