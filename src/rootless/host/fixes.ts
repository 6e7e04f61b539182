/** Commands that put a host right, said the same way by `doctor` and by a `run` that failed. */

/** Sets a kernel parameter now and for every boot. */
export function setSysctl(name: string, value: string): string {
  return `echo ${name}=${value} | sudo tee -a /etc/sysctl.d/99-tsbox.conf && sudo sysctl --system`;
}

/** Installs a package, named as Debian and Ubuntu do. */
export function installPackage(name: string): string {
  return `sudo apt install ${name}`;
}

/** How to have controllers delegated, for good. */
export const DELEGATE_FIX =
  "sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io " +
  "memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl " +
  "daemon-reload, then log in again";
