//! Which key means what.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::yaml::Place;
use crate::{Classes, ConnectOptions, Credential, Device, DeviceBuilder, HostKeys, Path, Platform, Result, Secret};

use super::Testbed;
use super::ways;

/// What pyATS keeps at the top of a file; of interest here are the first two.
const TOP: &[&str] = &["devices", "testbed", "topology", "extends", "parameters", "version", "custom"];

const TESTBED: &[&str] = &[
    "name",
    "credentials",
    "tacacs",
    "passwords",
    "alias",
    "class",
    "servers",
    "network",
    "custom",
    "clean",
    "bringup",
    "testbed_file",
    "iou",
    "import",
    "type",
];

const DEVICE: &[&str] = &[
    "alias",
    "os",
    "platform",
    "credentials",
    "connections",
    "custom",
    "tacacs",
    "passwords",
    "type",
    "class",
    "role",
    "region",
    "series",
    "model",
    "version",
    "pid",
    "serial",
    "hardware",
    "peripherals",
    "power",
    "clean",
    "bringup",
    "chassis_type",
    "management",
    "logical",
    "import",
    "order",
    "submodel",
    "name",
    "hostname",
    "interfaces",
    "roles",
    "template",
];

const CONNECTION: &[&str] =
    &["protocol", "ip", "host", "port", "class", "proxy", "credentials", "arguments", "via", "alias", "settings"];

const CONNECTION_DEFAULTS: &[&str] = &["class", "via", "alias", "connections", "fallback"];

/// A value that may not be to be had: see [`Place::text`].
type Deferred<T> = Result<T>;

/// Platforms from files of the user's, by name.
type Platforms = BTreeMap<String, Arc<Platform>>;

type Credentials = BTreeMap<String, Deferred<Credential>>;

pub(super) fn testbed(root: &Place<'_>, classes: &Classes) -> Result<Testbed> {
    root.report_unknown(TOP)?;
    if let Some(extends) = root.get("extends")? {
        return Err(extends.error("testbed files that extend others are not supported: load the merged file"));
    }
    let mut read = Testbed { name: None, devices: BTreeMap::new(), aliases: BTreeMap::new(), unknown_keys: Vec::new() };
    let mut common = Credentials::new();
    let mut platforms = BTreeMap::new();
    if let Some(block) = root.get("testbed")? {
        block.report_unknown(TESTBED)?;
        read.name = text_or_raw(block.get("name")?)?;
        common = credentials(&block)?;
        platforms = own_platforms(&block)?;
    }
    let Some(devices) = root.get("devices")? else {
        return Err(root.error("expected a mapping with the key `devices`"));
    };
    for (name, place) in devices.entries()? {
        let device = device(name, &place, common.clone(), &platforms, classes)?;
        if let Some(alias) = text_or_raw(place.get("alias")?)? {
            read.aliases.insert(alias, name.to_owned());
        }
        read.devices.insert(name.to_owned(), device);
    }
    ways::find(&mut read);
    Ok(read)
}

fn device(
    name: &str,
    place: &Place<'_>,
    mut logins: Credentials,
    platforms: &Platforms,
    classes: &Classes,
) -> Result<Device> {
    place.report_unknown(DEVICE)?;
    let mut builder = Device::builder(name).classes(classes.clone());
    if let Some(os) = text_or_raw(place.get("os")?)? {
        if let Some(platform) = platforms.get(&os) {
            builder = builder.custom_platform(platform.clone());
        }
        builder = builder.os(os);
    }
    if let Some(platform) = text_or_raw(place.get("platform")?)? {
        builder = builder.platform(platform);
    }
    logins.extend(credentials(place)?);
    enable_falls_back(&mut logins);
    for (name, login) in logins {
        builder = builder.credential_if(name, login);
    }
    if let Some(connections) = place.get("connections")? {
        builder = paths(builder, &connections)?;
    }
    if let Some(custom) = place.get("custom")?
        && custom.is_mapping()
        && let Some(ours) = custom.get("conn_share")?
    {
        builder = limits(builder, &ours)?;
    }
    builder.build().map_err(|mistake| place.error(mistake))
}

/// Of the testbed's own settings, the files with platforms: beside this file, unless their paths say otherwise.
fn own_platforms(block: &Place<'_>) -> Result<Platforms> {
    let mut platforms = Platforms::new();
    let Some(custom) = block.get("custom")?.filter(Place::is_mapping) else { return Ok(platforms) };
    let Some(ours) = custom.get("conn_share")? else { return Ok(platforms) };
    ours.report_unknown(&["platforms"])?;
    let Some(files) = ours.get("platforms")? else { return Ok(platforms) };
    for place in files.items() {
        let platform = Platform::load(place.beside(&place.text()??)).map_err(|error| place.caused(error))?;
        platforms.insert(platform.name().to_owned(), Arc::new(platform));
    }
    Ok(platforms)
}

/// As pyATS does: where no secret for `enable` is given, the login's password is used.
fn enable_falls_back(logins: &mut Credentials) {
    if !logins.contains_key("enable")
        && let Some(default) = logins.get("default").cloned()
    {
        logins.insert("enable".into(), default);
    }
}

fn limits(mut builder: DeviceBuilder, place: &Place<'_>) -> Result<DeviceBuilder> {
    place.report_unknown(&["max_sessions", "logins_at_once", "logins_per_minute"])?;
    let number = |key: &str| -> Result<Option<usize>> {
        let Some(place) = place.get(key)? else { return Ok(None) };
        let number = place.number("a number", 1, 100_000)??;
        Ok(usize::try_from(number).ok())
    };
    if let Some(sessions) = number("max_sessions")? {
        builder = builder.max_sessions(sessions);
    }
    if let Some(logins) = number("logins_at_once")? {
        builder = builder.logins_at_once(logins);
    }
    if let Some(logins) = number("logins_per_minute")? {
        builder = builder.logins_per_minute(logins);
    }
    Ok(builder)
}

fn paths(mut builder: DeviceBuilder, connections: &Place<'_>) -> Result<DeviceBuilder> {
    let names: Vec<&str> =
        connections.entries()?.iter().map(|(name, _)| *name).filter(|name| *name != "defaults").collect();
    let mut default_class = None;
    let mut default_alias = None;
    // What pyATS calls the connection that one means.
    let mut default_via = names.contains(&"cli").then_some("cli");
    if let Some(defaults) = connections.get("defaults")? {
        defaults.report_unknown(CONNECTION_DEFAULTS)?;
        default_class = text_or_raw(defaults.get("class")?)?;
        default_alias = text_or_raw(defaults.get("alias")?)?;
        if let Some(via) = defaults.get("via")? {
            let name = via.raw()?;
            if !names.contains(&name) {
                let known = names.join(", ");
                return Err(via.error(format_args!("expected one of the device's connections: {known}")));
            }
            default_via = Some(name);
        }
    }
    for (name, place) in connections.entries()? {
        if name == "defaults" {
            continue;
        }
        let mut path = path(&place, default_class.as_deref())?;
        if default_via == Some(name) && path.options.alias.is_none() {
            path.options.alias = default_alias.take();
        }
        builder = builder.path_as_read(name, path);
    }
    Ok(match default_via {
        Some(via) => builder.default_via(via),
        None => builder,
    })
}

fn path(place: &Place<'_>, default_class: Option<&str>) -> Result<Path> {
    let mut problem = None;
    let mut value = |place: Option<Place<'_>>| -> Result<Option<String>> {
        let Some(place) = place else { return Ok(None) };
        Ok(place.text()?.map_err(|error| problem.get_or_insert(error).clone()).ok())
    };
    let protocol = value(place.get("protocol")?)?.unwrap_or_else(|| "telnet".into());
    let host = match value(place.get("host")?)? {
        Some(host) => Some(host),
        None => value(place.get("ip")?)?,
    };
    let class = value(place.get("class")?)?.or_else(|| default_class.map(str::to_owned));
    let mut path = Path::new(protocol, host.unwrap_or_default());
    path.class = class;
    if let Some(port) = place.get("port")? {
        match port.number("a port number", 1, 65_535)? {
            Ok(number) => path.port = u16::try_from(number).ok(),
            Err(error) => drop(problem.get_or_insert(error)),
        }
    }
    if let Some(proxy) = place.get("proxy")? {
        match proxies(&proxy)? {
            Ok(hosts) => path.proxy = hosts,
            Err(error) => drop(problem.get_or_insert(error)),
        }
    }
    if let Some(logins) = place.get("credentials")? {
        path.credentials = named_credentials(&logins)?;
    }
    match options(place)? {
        Ok(options) => path.options = options,
        Err(error) => drop(problem.get_or_insert(error)),
    }
    if path.host.is_empty() && problem.is_none() {
        problem = Some(place.error("expected `ip` or `host`"));
    }
    path.problem = problem;
    Ok(path)
}

/// One device, a list of them, or a list of steps with a `device` each.
fn proxies(place: &Place<'_>) -> Result<Deferred<Vec<String>>> {
    let mut hosts = Vec::new();
    for item in place.items() {
        let device = if item.is_mapping() { item.get("device")? } else { Some(item) };
        let Some(device) = device else { continue };
        match device.texts()? {
            Ok(names) => hosts.extend(names),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(hosts))
}

/// What a connection's `arguments`, and keys of its own that are not in the schema, say about options. Lists and
/// mappings are for other programs.
fn options(place: &Place<'_>) -> Result<Deferred<ConnectOptions>> {
    let mut options = ConnectOptions::new();
    let own = place.entries()?.into_iter().filter(|(key, _)| !CONNECTION.contains(key));
    let given = place.get("arguments")?.map(|arguments| arguments.entries()).transpose()?;
    for (key, place) in own.chain(given.into_iter().flatten()).filter(|(_, place)| place.is_scalar()) {
        let duration =
            |what| -> Result<Deferred<Duration>> { Ok(place.number(what, 1, 86_400)?.map(Duration::from_secs)) };
        let read = match key {
            "connection_timeout" => duration("seconds")?.map(|limit| options.connect_timeout = Some(limit)),
            "command_timeout" => duration("seconds")?.map(|limit| options.command_timeout = Some(limit)),
            "pool_timeout" => duration("seconds")?.map(|limit| options.pool_timeout = Some(limit)),
            "pool_size" => place
                .number("a number of workers", 1, 10_000)?
                .map(|size| options.pool_size = usize::try_from(size).ok()),
            "known_hosts" => place.text()?.map(|file| options.host_keys = Some(HostKeys::known().file(file))),
            key => place.text()?.map(|value| drop(options.arguments.insert(key.to_owned(), value))),
        };
        if let Err(error) = read {
            return Ok(Err(error));
        }
    }
    options.alias = match place.get("alias")? {
        Some(alias) => Some(alias.raw()?.to_owned()),
        None => None,
    };
    Ok(Ok(options))
}

/// The logins of a device or the testbed: `credentials`, and where there are none the older `tacacs` and `passwords`.
fn credentials(place: &Place<'_>) -> Result<Credentials> {
    if let Some(block) = place.get("credentials")? {
        return named_credentials(&block);
    }
    let mut logins = Credentials::new();
    let passwords = place.get("passwords")?.filter(Place::is_mapping);
    let password = |key: &str| passwords.as_ref().map_or(Ok(None), |block| block.get(key));
    let tacacs = place.get("tacacs")?.filter(Place::is_mapping);
    let username = tacacs.map_or(Ok(None), |block| block.get("username"))?;
    if let Some(login) = credential(username, password("tacacs")?)? {
        logins.insert("default".into(), login);
    }
    if let Some(enable) = credential(None, password("enable")?)? {
        logins.insert("enable".into(), enable);
    }
    Ok(logins)
}

fn named_credentials(block: &Place<'_>) -> Result<Credentials> {
    let mut logins = Credentials::new();
    for (name, place) in block.entries()? {
        let login = credential(place.get("username")?, place.get("password")?)?;
        let passphrase = place.get("passphrase")?.map(|place| place.text()).transpose()?;
        let login = match (login, passphrase) {
            (login, None) => login,
            (login, Some(passphrase)) => {
                Some(login.unwrap_or_else(|| Ok(Credential::default())).and_then(|mut login| {
                    login.passphrase = Some(Secret::new(passphrase?));
                    Ok(login)
                }))
            }
        };
        if let Some(login) = login {
            logins.insert(name.to_owned(), login);
        }
    }
    Ok(logins)
}

fn credential(username: Option<Place<'_>>, password: Option<Place<'_>>) -> Result<Option<Deferred<Credential>>> {
    if username.is_none() && password.is_none() {
        return Ok(None);
    }
    let username = username.map(|place| place.text()).transpose()?.transpose();
    let password = password.map(|place| place.text()).transpose()?.transpose();
    Ok(Some(username.and_then(|username| {
        let (username, password) = (username.unwrap_or_default(), password?.map(Secret::new));
        Ok(Credential { username, password, ..Credential::default() })
    })))
}

/// A text that only describes: where it cannot be resolved, as it is written.
fn text_or_raw(place: Option<Place<'_>>) -> Result<Option<String>> {
    let Some(place) = place else { return Ok(None) };
    Ok(Some(match place.text()? {
        Ok(text) => text,
        Err(_) => place.raw()?.to_owned(),
    }))
}
