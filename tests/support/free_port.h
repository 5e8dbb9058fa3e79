/* free_port: a port of loopback for somebody who takes it up later, perhaps again and again. */
#ifndef ISOTHERM_TESTS_FREE_PORT_H
#define ISOTHERM_TESTS_FREE_PORT_H

#include <stdint.h>

/* A port that nobody has at any address, that the kernel gives to nobody by itself (tests that run
 * at the same time are full of sockets that ask for any port), and that no other test takes until
 * this program ends.  `type` is SOCK_STREAM or SOCK_DGRAM.  Fails the test when there is none. */
uint16_t free_port(int type);

#endif
