/** `create`: a container that is started later. */
import type { RunOptions } from "../container/run_options.ts";
import { containerLabels } from "../container/spec.ts";
import { closeFile } from "../ffi/quick_files.ts";
import { chooseDriver } from "../rootless/drivers/choose_driver.ts";
import { ownIdMap } from "../rootless/subids.ts";
import { openUserNamespace } from "../rootless/user_namespace.ts";
import {
  type ContainerRecord,
  summarizeSpec,
  timestamp,
  writeRecord,
} from "../storage/container_record.ts";
import { logEvents } from "../storage/event_log.ts";
import { openStore } from "../storage/layout.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent } from "./events/container_event.ts";
import { writeCidfile } from "./run/cidfile.ts";
import { create } from "./run/create.ts";
import { discardContainer } from "./run/discard.ts";
import type { RunHost } from "./run/host.ts";
import { imageDefaults, imageFor } from "./run/image.ts";
import { declaredPart, specOf, withMounts } from "./run/once.ts";
import { ensureRuntimeDir } from "./runtime_dir.ts";

/**
 * Makes a container, pulling its image where needed; returns its id.
 * @throws TsboxError for everything that can be known to be wrong before it is started; nothing is left then
 */
export async function createOnly(
  asked: RunOptions,
  context: EngineContext,
  host: RunHost,
): Promise<string> {
  let options = asked;
  const { dataRoot, runtimeDir, uid, gid, storageDriver: wanted } = context;
  const { tmp } = openStore(dataRoot);
  ensureRuntimeDir(runtimeDir, uid);
  const image = options.rootfs === undefined ? await imageFor(options, context, host) : undefined;
  const map = ownIdMap({ uid, gid, name: host.userName, mode: options.userns });
  const userns = openUserNamespace(map, runtimeDir);
  const request = { userns, directory: tmp, runtimeDir, ...(wanted && { wanted }) };
  const driver = image === undefined ? "" : chooseDriver(request).name;
  const container = await create(options.name, context, host);
  const { id, name, directory } = container;
  try {
    if (options.cidfile !== undefined) writeCidfile(options.cidfile, id);
    options = await withMounts({ options, image, userns, context, host, container });
    const place = { options, image, container, userns, network: { etc: {} } };
    const spec = await specOf(place, options.rootfs ?? directory);
    const stopSignal = options.stopSignal ?? image?.config.stopSignal;
    const record: ContainerRecord = {
      id,
      name,
      created: timestamp(),
      image: { reference: options.image, id: image?.id ?? "" },
      options,
      spec: summarizeSpec(spec),
      labels: containerLabels(options, imageDefaults(image)),
      driver,
      ownersLost: image?.ownersLost ?? false,
      ...(stopSignal && { stopSignal }),
      ...declaredPart(options, image),
      state: { status: "created" },
    };
    writeRecord(directory, record);
    logEvents(dataRoot, [containerEvent(record, "create")]);
    return id;
  } catch (error) {
    await discardContainer(container, userns, context, host);
    throw error;
  } finally {
    container.lock.release();
    closeFile(userns.fd);
  }
}
