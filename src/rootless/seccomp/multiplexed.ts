/**
 * 32-bit x86 reaches sockets and System V IPC also by `socketcall` and `ipc`, whose first argument
 * says which call is meant. A rule about such a call must hold there too, or it is walked around.
 */
import type { Rule } from "./conditions.ts";

// linux/net.h and linux/ipc.h, in order from 1; `-` is a number without a call.
const BY_SOCKETCALL = "socket bind connect listen accept getsockname getpeername socketpair send " +
  "recv sendto recvfrom shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg";
const BY_IPC =
  "semop semget semctl semtimedop - - - - - - msgsnd msgrcv msgget msgctl - - - - - - " +
  "shmat shmdt shmget shmctl";

const ALLOW = 0x7fff0000;

/** The rules that a call's own rules mean for the call it can be reached by. */
export function multiplexed(
  name: string,
  rules: readonly Rule[],
  calls: ReadonlyMap<string, number>,
): { number: number; rules: Rule[] }[] {
  return [["socketcall", BY_SOCKETCALL] as const, ["ipc", BY_IPC] as const].flatMap(
    ([door, names]) => {
      const number = calls.get(door);
      const index = names.split(" ").indexOf(name);
      if (number === undefined || index < 0) return [];
      return [{ number, rules: rules.flatMap((rule) => behind(rule, index + 1)) }];
    },
  );
}

/** The real arguments lie in memory, out of a filter's sight: in doubt it is no. */
function behind({ action, conditions }: Rule, which: number): Rule[] {
  if (conditions.length > 0 && action === ALLOW) return [];
  return [{ action, conditions: [{ index: 0, value: which, op: "SCMP_CMP_EQ" }] }];
}
