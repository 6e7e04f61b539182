/**
 * The environment variables of the settings, as text: every start looks for them, which takes 10 microseconds
 * so, four times as much by going through the environment, and the table stays unread.
 */
export const VARIABLES: readonly string[] = [
  "TSBOX_BLOCKED_REGISTRIES",
  "TSBOX_DATA_ROOT",
  "TSBOX_DEFAULT_PLATFORM",
  "TSBOX_DEFAULT_SHM_SIZE",
  "TSBOX_DEFAULT_ULIMITS",
  "TSBOX_DNS",
  "TSBOX_DNS_OPTS",
  "TSBOX_DNS_SEARCH",
  "TSBOX_INSECURE_REGISTRIES",
  "TSBOX_LOG_DRIVER",
  "TSBOX_LOG_OPTS",
  "TSBOX_MAX_CONCURRENT_DOWNLOADS",
  "TSBOX_MAX_CONCURRENT_UPLOADS",
  "TSBOX_MAX_DOWNLOAD_ATTEMPTS",
  "TSBOX_MAX_LAYER_BYTES",
  "TSBOX_MAX_LAYER_FILES",
  "TSBOX_REGISTRIES",
  "TSBOX_REGISTRY_MIRRORS",
  "TSBOX_SEARCH_REGISTRIES",
  "TSBOX_STORAGE_DRIVER",
];
