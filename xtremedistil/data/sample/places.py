"""Identities of the places of the sample corpus: CLDR territory codes and time-zone cities.

Their names in each language come from the CLDR (`names.py`). Left out are time zones that are named
after an island, a country or a research station, cities of disputed or dependent territories, and
territories whose CLDR names are descriptions rather than names.
"""

_TERRITORY_CODES = """
    AD AE AF AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BY BZ CA CD CF
    CG CH CI CL CM CN CO CR CU CV CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FM FR GA GB GD
    GE GH GL GM GN GQ GR GT GW GY HN HR HT HU ID IE IL IN IQ IR IS IT JM JO JP KE KG KH KI KM KP
    KR KW KZ LA LB LI LK LR LS LT LU LV LY MA MC MD ME MG MK ML MM MN MR MT MU MV MW MX MY MZ NA
    NE NG NI NL NO NP NR NZ OM PA PE PG PH PK PL PR PT PW PY QA RO RS RU RW SA SC SD SE SG SI SK
    SL SM SN SO SR SS SV SY SZ TD TG TH TJ TM TN TO TR TT TV TW TZ UA UG US UY UZ VE VN VU WS XK
    YE ZA ZM ZW
"""
TERRITORIES = tuple(_TERRITORY_CODES.split())

_CITY_ZONES = """
    Europe/Tirane Europe/Vienna Europe/Sarajevo Europe/Brussels Europe/Sofia Europe/Minsk
    Europe/Zurich Europe/Prague Europe/Berlin Europe/Copenhagen Europe/Tallinn Europe/Madrid
    Europe/Helsinki Europe/Paris Europe/London Europe/Athens Europe/Zagreb Europe/Budapest
    Europe/Dublin Europe/Rome Europe/Vaduz Europe/Vilnius Europe/Riga Europe/Chisinau
    Europe/Podgorica Europe/Skopje Europe/Amsterdam Europe/Oslo Europe/Warsaw Europe/Lisbon
    Europe/Bucharest Europe/Belgrade Europe/Kaliningrad Europe/Moscow Europe/Volgograd
    Europe/Saratov Europe/Astrakhan Europe/Samara Europe/Ulyanovsk Europe/Stockholm
    Europe/Ljubljana Europe/Bratislava Europe/Istanbul Europe/Kiev Atlantic/Reykjavik Asia/Dubai
    Asia/Kabul Asia/Yerevan Asia/Baku Asia/Dhaka Asia/Thimphu Asia/Shanghai Asia/Nicosia
    Asia/Tbilisi Asia/Jakarta Asia/Pontianak Asia/Makassar Asia/Jayapura Asia/Calcutta
    Asia/Baghdad Asia/Tehran Asia/Amman Asia/Tokyo Asia/Bishkek Asia/Phnom_Penh Asia/Pyongyang
    Asia/Seoul Asia/Almaty Asia/Vientiane Asia/Beirut Asia/Colombo Asia/Rangoon Asia/Ulaanbaatar
    Asia/Kuala_Lumpur Asia/Kuching Asia/Katmandu Asia/Muscat Asia/Manila Asia/Karachi
    Asia/Yekaterinburg Asia/Omsk Asia/Novosibirsk Asia/Barnaul Asia/Tomsk Asia/Novokuznetsk
    Asia/Krasnoyarsk Asia/Irkutsk Asia/Chita Asia/Yakutsk Asia/Vladivostok Asia/Magadan
    Asia/Riyadh Asia/Damascus Asia/Bangkok Asia/Dushanbe Asia/Dili Asia/Ashgabat Asia/Taipei
    Asia/Samarkand Asia/Tashkent Asia/Saigon Asia/Aden Africa/Luanda Africa/Ouagadougou
    Africa/Bujumbura Africa/Porto-Novo Africa/Gaborone Africa/Kinshasa Africa/Lubumbashi
    Africa/Bangui Africa/Brazzaville Africa/Abidjan Africa/Douala Africa/Algiers Africa/Cairo
    Africa/Asmera Africa/Addis_Ababa Africa/Libreville Africa/Accra Africa/Banjul Africa/Conakry
    Africa/Malabo Africa/Bissau Africa/Nairobi Africa/Monrovia Africa/Maseru Africa/Tripoli
    Africa/Casablanca Africa/Bamako Africa/Nouakchott Africa/Blantyre Africa/Maputo
    Africa/Windhoek Africa/Niamey Africa/Lagos Africa/Kigali Africa/Khartoum Africa/Freetown
    Africa/Dakar Africa/Mogadishu Africa/Juba Africa/Mbabane Africa/Ndjamena Africa/Lome
    Africa/Dar_es_Salaam Africa/Tunis Africa/Kampala Africa/Johannesburg Africa/Lusaka
    Africa/Harare Indian/Antananarivo America/Mendoza America/Cordoba America/Buenos_Aires
    America/La_Paz America/Rio_Branco America/Porto_Velho America/Boa_Vista America/Manaus
    America/Cuiaba America/Santarem America/Campo_Grande America/Belem America/Sao_Paulo
    America/Fortaleza America/Maceio America/Recife America/Nassau America/Whitehorse
    America/Vancouver America/Edmonton America/Regina America/Winnipeg America/Toronto
    America/Moncton America/Halifax America/Punta_Arenas America/Santiago America/Bogota
    America/Havana America/Santo_Domingo America/Guayaquil America/Tegucigalpa
    America/Port-au-Prince America/Managua America/Tijuana America/Hermosillo America/Mazatlan
    America/Chihuahua America/Monterrey America/Mexico_City America/Matamoros America/Merida
    America/Cancun America/Ciudad_Juarez America/Asuncion America/Lima America/Paramaribo
    America/Port_of_Spain America/Anchorage America/Juneau America/Los_Angeles America/Boise
    America/Phoenix America/Denver America/Chicago America/Indianapolis America/Louisville
    America/Detroit America/New_York America/Montevideo America/Caracas Australia/Perth
    Australia/Darwin Australia/Adelaide Australia/Melbourne Australia/Hobart Australia/Sydney
    Australia/Brisbane Pacific/Honolulu Pacific/Auckland Pacific/Port_Moresby Pacific/Apia
"""
CITIES = tuple(_CITY_ZONES.split())
