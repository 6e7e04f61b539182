/** What the parts of the benchmark share: folders, a registry, images that are made once. */
import { tmpdir } from "node:os";
import { TSBOX } from "../tests/support/cli.ts";
import { type PushedImage, pushImage } from "../tests/support/images.ts";
import { type RegistryProcess, startRegistry } from "../tests/support/registry_process.ts";
import { makePlace, ok, type Place, removePlace } from "./places.ts";
import { pushSubject, type Subject } from "./subjects.ts";

/** A tmpfs on every Linux; the disk of a shared machine is too noisy to compare on. */
const MEMORY = "/dev/shm";

export class Surroundings {
  /** On tmpfs. */
  readonly place: Place = makePlace(MEMORY);
  readonly disk: Place = makePlace(tmpdir());
  readonly #pushed = new Map<Subject, PushedImage>();
  #registry: RegistryProcess | undefined;

  async registry(): Promise<RegistryProcess> {
    return this.#registry ??= await startRegistry({ folder: this.disk.path });
  }

  /** An image of busybox, in the stores of tsbox and podman. */
  async busybox(): Promise<string> {
    const { reference } = await pushImage(await this.registry(), "busybox");
    ok(this.place, ["podman", "pull", "-q", "--tls-verify=false", reference]);
    ok(this.place, [TSBOX, "pull", "-q", reference]);
    return reference;
  }

  /** An image in the registry. */
  async pushed(subject: Subject): Promise<PushedImage> {
    const known = this.#pushed.get(subject);
    if (known !== undefined) return known;
    const image = await pushSubject(await this.registry(), `image-${this.#pushed.size}`, subject);
    this.#pushed.set(subject, image);
    return image;
  }

  async close(): Promise<void> {
    await this.#registry?.stop();
    removePlace(this.place);
    removePlace(this.disk);
  }
}
